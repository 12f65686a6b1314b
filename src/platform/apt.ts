import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Always there, and two versions of it in one process end badly. */
const neverBrought = /^(libc6|libgcc-s1)(:|$)/;
const patience = ['Acquire::Retries=1', 'Acquire::http::Timeout=30', 'Acquire::https::Timeout=30'];
/** As root, apt would otherwise try another user, who cannot enter the workshop. */
const asOurselves = 'APT::Sandbox::User=root';

/** Debian packages without installing them. Works for any user and changes nothing outside the workshop. */
export class Apt {
  readonly #workshop: string;
  readonly #archives: string;
  readonly #signal: AbortSignal;
  readonly #unpacked = new Set<string>();

  /** @param options.workshop an empty folder for downloads and, where the system has none, package lists. */
  constructor(options: { workshop: string; signal: AbortSignal }) {
    this.#workshop = options.workshop;
    this.#archives = join(options.workshop, 'archives');
    this.#signal = options.signal;
  }

  /** Downloads the packages and unpacks them over `root`. */
  async unpack(packages: readonly string[], root: string): Promise<void> {
    const folder = join(this.#archives, String(this.#unpacked.size));
    await mkdir(folder, { recursive: true });
    await this.#download(packages, folder);
    for (const file of (await readdir(folder)).filter(isArchive)) {
      await this.#tool('/usr/bin/dpkg-deb', ['-x', join(folder, file), root]);
    }
    for (const name of packages) this.#unpacked.add(name);
  }

  /** Names of the libraries that `program` asks for and the loader does not find. */
  async missingLibraries(program: string, libraryPath: string): Promise<string[]> {
    const { stdout } = await run('/usr/bin/ldd', [program], {
      signal: this.#signal,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', LD_LIBRARY_PATH: libraryPath },
    });
    return [...stdout.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1] ?? '');
  }

  /** Library packages that those unpacked so far depend on, that are neither installed nor unpacked. */
  async libraryPackages(): Promise<string[]> {
    const wanted = new Set<string>();
    for (const file of (await readdir(this.#archives, { recursive: true })).filter(isArchive)) {
      const fields = ['-f', join(this.#archives, file), 'Depends', 'Pre-Depends'];
      const { stdout } = await this.#tool('/usr/bin/dpkg-deb', fields);
      for (const match of stdout.matchAll(/(?:^|[,:])\s*(lib[a-z0-9.+-]+)/gm)) wanted.add(match[1] ?? '');
    }
    const missing: string[] = [];
    for (const name of wanted) {
      const known = this.#unpacked.has(name) || neverBrought.test(name);
      if (!known && !(await this.#isInstalled(name))) missing.push(name);
    }
    return missing;
  }

  async #download(packages: readonly string[], folder: string): Promise<void> {
    const options = [...patience, asOurselves].flatMap((option) => ['-o', option]);
    const get = (args: readonly string[]) =>
      this.#tool('/usr/bin/apt-get', ['-qq', ...options, ...args], folder);
    try {
      await get(['download', ...packages]);
    } catch {
      // No package lists, as in images, or lists so old that the mirror has newer packages.
      this.#signal.throwIfAborted();
      const lists = await this.#privateLists();
      await get([...lists, 'update']);
      await get([...lists, 'download', ...packages]);
    }
  }

  async #privateLists(): Promise<string[]> {
    const [lists, cache] = [join(this.#workshop, 'lists'), join(this.#workshop, 'cache')];
    await mkdir(join(lists, 'partial'), { recursive: true });
    await mkdir(join(cache, 'archives/partial'), { recursive: true });
    return ['-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${cache}`];
  }

  async #isInstalled(name: string): Promise<boolean> {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a field of dpkg-query, not of ours.
    const query = ['-W', '-f=${db:Status-Status}', name];
    const answer = await this.#tool('/usr/bin/dpkg-query', query).catch(() => null);
    return answer?.stdout.includes('installed') === true && !answer.stdout.includes('not-installed');
  }

  #tool(command: string, args: readonly string[], cwd = this.#workshop): Promise<{ stdout: string }> {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: this.#workshop };
    return run(command, args, { cwd, signal: this.#signal, env });
  }
}

function isArchive(name: string): boolean {
  return name.endsWith('.deb');
}
