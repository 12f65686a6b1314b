import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Always there, and two versions of it in one process end badly. */
const neverBrought = /^(libc6|libgcc-s1)(:|$)/;

/** Debian packages without installing them. Works for any user and changes nothing outside the workshop. */
export interface Apt {
  /** Downloads the packages and unpacks them over `root`. */
  unpack(packages: readonly string[], root: string): Promise<void>;
  /** Names of the libraries that `program` asks for and the loader does not find. */
  missingLibraries(program: string, libraryPath: string): Promise<string[]>;
  /** Library packages that those unpacked so far depend on, that are neither installed nor unpacked. */
  libraryPackages(): Promise<string[]>;
}

/** @param options.workshop an empty folder for downloads and, where the system has none, package lists. */
export function createApt(options: { workshop: string; signal: AbortSignal }): Apt {
  const { workshop, signal } = options;
  const unpacked = new Set<string>();
  const archives = join(workshop, 'archives');
  const tool = (command: string, args: readonly string[], cwd = workshop) =>
    run(command, args, {
      cwd,
      signal,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: workshop },
    });

  return {
    async unpack(packages, root) {
      const folder = join(archives, String(unpacked.size));
      await mkdir(folder, { recursive: true });
      await download(packages, folder);
      for (const file of (await readdir(folder)).filter((name) => name.endsWith('.deb')))
        await tool('/usr/bin/dpkg-deb', ['-x', join(folder, file), root]);
      for (const name of packages) unpacked.add(name);
    },

    async missingLibraries(program, libraryPath) {
      const { stdout } = await run('/usr/bin/ldd', [program], {
        signal,
        env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', LD_LIBRARY_PATH: libraryPath },
      });
      return [...stdout.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1] ?? '');
    },

    async libraryPackages() {
      const wanted = new Set<string>();
      for (const file of (await readdir(archives, { recursive: true })).filter((name) =>
        name.endsWith('.deb'),
      )) {
        const { stdout } = await tool('/usr/bin/dpkg-deb', [
          '-f',
          join(archives, file),
          'Depends',
          'Pre-Depends',
        ]);
        for (const match of stdout.matchAll(/(?:^|[,:])\s*(lib[a-z0-9.+-]+)/gm)) wanted.add(match[1] ?? '');
      }
      const missing: string[] = [];
      for (const name of wanted)
        if (!unpacked.has(name) && !neverBrought.test(name) && !(await isInstalled(name))) missing.push(name);
      return missing;
    },
  };

  async function download(packages: readonly string[], folder: string): Promise<void> {
    const quiet = [
      '-qq',
      '-o',
      'Acquire::Retries=1',
      '-o',
      'Acquire::http::Timeout=30',
      '-o',
      'Acquire::https::Timeout=30',
    ];
    // As root, apt would otherwise try another user, who cannot enter the workshop.
    const asOurselves = ['-o', 'APT::Sandbox::User=root'];
    const get = (args: readonly string[]) =>
      tool('/usr/bin/apt-get', [...quiet, ...asOurselves, ...args], folder);
    try {
      await get(['download', ...packages]);
    } catch {
      // No package lists, as in images, or lists so old that the mirror has newer packages.
      signal.throwIfAborted();
      const lists = await privateLists();
      await get([...lists, 'update']);
      await get([...lists, 'download', ...packages]);
    }
  }

  async function privateLists(): Promise<string[]> {
    const [lists, cache] = [join(workshop, 'lists'), join(workshop, 'cache')];
    await mkdir(join(lists, 'partial'), { recursive: true });
    await mkdir(join(cache, 'archives/partial'), { recursive: true });
    return ['-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${cache}`];
  }

  async function isInstalled(name: string): Promise<boolean> {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a field of dpkg-query, not of ours.
    const answer = await tool('/usr/bin/dpkg-query', ['-W', '-f=${db:Status-Status}', name]).catch(
      () => null,
    );
    return answer?.stdout.includes('installed') === true && !answer.stdout.includes('not-installed');
  }
}
