/** Whether this process is root, and so can be any other user. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}
