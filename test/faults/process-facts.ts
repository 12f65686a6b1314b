import { readFileSync } from 'node:fs';

/** The memory that a process holds now, in MB; null where the system does not tell. */
export function memoryMb(pid: number): number | null {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) / 1024;
}

/** User and system time of a process since its start, in milliseconds. */
export function processorMs(pid: number): number {
  const [, fields = ''] = read(`/proc/${pid}/stat`).split(') ');
  const [user = 0, system = 0] = fields.split(' ').slice(11, 13).map(Number);
  return (user + system) * 10; // of clock ticks, of which every Linux counts 100 a second
}

/** How many files and sockets a process may have open; null where the system does not tell. */
export function openFilesMax(pid: number): number | null {
  const soft = /^Max open files\s+(\d+)/m.exec(read(`/proc/${pid}/limits`))?.[1];
  return soft === undefined ? null : Number(soft);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
