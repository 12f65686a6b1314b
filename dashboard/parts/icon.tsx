/** Drawn in a box of 16, by strokes of the text's colour. */
const paths = {
  queued: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11',
  delayed: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11M8 5v3.2l2.2 1.6',
  running: 'M8 2.5a5.5 5.5 0 1 0 5.5 5.5',
  waiting: 'M8 3.5v5.5M8 12.2v.3',
  succeeded: 'M3 8.6l3.2 3.2L13 4.8',
  failed: 'M4 4l8 8M12 4l-8 8',
  cancelled: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11M4.2 11.8l7.6-7.6',
  plus: 'M8 3v10M3 8h10',
  remove: 'M4.5 4.5l7 7M11.5 4.5l-7 7',
  search: 'M7 2.8a4.2 4.2 0 1 0 0 8.4a4.2 4.2 0 0 0 0-8.4M10.2 10.2L13.5 13.5',
  out: 'M9.5 3H3.5v10h6M7 8h7M11.5 5.5L14 8l-2.5 2.5',
  system: 'M2.5 3.5h11v7h-11zM6 13h4M8 10.5V13',
  light:
    'M8 5.2a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 0 0 0-5.6M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9',
  dark: 'M13 9.6A5.6 5.6 0 0 1 6.4 3a5.6 5.6 0 1 0 6.6 6.6',
  down: 'M8 3v9M4.2 8.4L8 12.2l3.8-3.8',
  again: 'M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3',
  stop: 'M4.5 4.5h7v7h-7z',
  edit: 'M3 13l.6-2.8L10.8 3l2.2 2.2l-7.2 7.2z',
} as const;
export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
