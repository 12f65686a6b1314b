import { createHash } from 'node:crypto';

/** Bytes that a seed stands for, of any length: the same here and in the program that writes them. */
export interface Written {
  seed: number;
  bytes: number;
}

const blockBytes = 65_536;

/**
 * A program in perl that writes them: a block of Marsaglia's congruential generator, again and again, with the number
 * of the block in its first four bytes. All 256 values are in the block.
 */
const program = `binmode STDOUT; my ($x, $n) = @ARGV; my $b = ''; my $i = 0;
for (1..65536) { $x = ($x * 69069 + 1) & 0xffffffff; $b .= chr($x >> 24) }
while ($n > 0) { my $c = pack('N', $i++) . substr($b, 4); $c = substr($c, 0, $n) if $n < 65536; print $c; $n -= length $c }`;

export function writer({ seed, bytes }: Written): string[] {
  return ['perl', '-e', program, String(seed), String(bytes)];
}

/** SHA-256 of them from the byte `from` on. */
export function digestOf({ seed, bytes }: Written, from = 0): string {
  const hash = createHash('sha256');
  const block = blockOf(seed);
  for (let index = Math.floor(from / blockBytes); index * blockBytes < bytes; index += 1) {
    block.writeUInt32BE(index);
    const begin = index * blockBytes;
    hash.update(block.subarray(Math.max(0, from - begin), Math.min(blockBytes, bytes - begin)));
  }
  return hash.digest('hex');
}

function blockOf(seed: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  let state = seed >>> 0;
  for (let place = 0; place < blockBytes; place += 1) {
    state = (Math.imul(state, 69_069) + 1) >>> 0;
    block[place] = state >>> 24;
  }
  return block;
}
