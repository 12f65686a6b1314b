import type { Scenario } from '../../faults/scenario.ts';
import { outputOf } from '../../support/service.ts';
import { until } from '../../support/until.ts';
import { levelOf, submitUntil } from '../host.ts';

const count = 20;

/** Says what is open, tries to write into every terminal and every open file of others, and waits. */
const intruder = `
n=$1
ls /proc/$$/fd > open
echo "open $(tr '\\n' ' ' < open)"
read -r _
for place in /dev/pts/[0-9]* /proc/[0-9]*/fd/*; do
  [ "$(readlink -f "$place")" = "$(tty)" ] || (echo "from $n into $place" > "$place") 2> /dev/null
done
perl -e 'for (glob "/dev/pts/[0-9]* /proc/[0-9]*/fd/0") { open(my $t, "+<", $_) or next; next if -t $t && (stat $t)[6] == (stat STDIN)[6]; ioctl $t, 0x5412, "X" and print "pushed\\n" }' 2> /dev/null
echo "tried $n"
read -r line
echo "read $line"
`;

export const injection: Scenario = {
  name: 'injection',
  sentence: `${count} interactive commands are alive. Each has 0, 1 and 2 open and nothing else, and tries to write into the terminals and open files of all others, also by TIOCSTI. None reads or shows anything that another wrote.`,
  fullRepeats: 5,
  async run({ repeats, stage, progress }) {
    const environment = { LLMMIXER_SANDBOX: 'auto', LLMMIXER_CONCURRENCY: String(count + 2) };
    const { client } = await stage.cluster({ apis: 1, workers: 1, environment });
    const level = await levelOf(client);
    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const ids = await Promise.all(
        Array.from({ length: count }, (_, n) =>
          submitUntil(client, { argv: ['bash', '-c', intruder, 'bash', `${n}`], interactive: true }, 'open '),
        ),
      );
      const said = async (id: string) => outputOf((await client.events(id, { limit: 1000 })).events);
      for (const id of ids) {
        const open = /open ([\d ]*)/.exec(await said(id))?.[1]?.trim();
        if (open !== '0 1 2') throw new Error(`Job ${id} has open: ${open}.`);
      }
      for (const id of ids) await client.input(id, { text: 'go\r' });
      for (const id of ids)
        await until(async () => (await said(id)).includes('tried '), `job ${id} has tried`, 60_000);
      for (const [n, id] of ids.entries()) await client.input(id, { text: `line ${n}\r` });
      for (const [n, id] of ids.entries()) {
        await until(async () => (await said(id)).includes('read '), `job ${id} has read`);
        const text = await said(id);
        if (!text.includes(`read line ${n}\r\n`)) throw new Error(`Job ${id} read something else: ${text}`);
        // Its own terminal has other names in a sandbox; what it wrote into that itself is no intrusion.
        const foreign = [...text.matchAll(/from (\d+) into/g)].filter(([, from]) => Number(from) !== n);
        if (foreign.length > 0 || text.includes('pushed'))
          throw new Error(`Into job ${id} somebody wrote: ${text}`);
      }
      progress(`${repeat}/${repeats}`);
    }
    return { level, 'commands at once': count, 'foreign descriptors': 0, 'foreign bytes': 0 };
  },
};
