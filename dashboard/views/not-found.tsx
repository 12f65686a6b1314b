import { Alone } from './alone.tsx';

export function NotFound() {
  return <Alone title="There is no such page">The address may be mistyped, or the page was moved.</Alone>;
}
