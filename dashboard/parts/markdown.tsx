import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useModule } from '../state/use-module.ts';

const loadMarkdown = () => import('../markdown/to-markup.ts');

/** The markup of a long answer takes a while to make, so that of a growing one is made anew this often at most. */
const redrawEveryMs = 150;

/** Text of a model as it is meant; plain until the part of the page that understands Markdown has come. */
export function Markdown({ text, isGrowing }: { text: string; isGrowing: boolean }) {
  const markdown = useModule(loadMarkdown);
  const shown = useSteady(text, isGrowing);
  const markup = useMemo(
    () => (markdown.kind === 'there' ? markdown.module.toMarkup(shown) : null),
    [markdown.kind, shown],
  );
  if (markup === null) return <p class="plain">{text}</p>;
  return <div class="markdown" dangerouslySetInnerHTML={{ __html: markup }} />;
}

/** The text, but while it grows only now and then. */
function useSteady(text: string, isGrowing: boolean): string {
  const [shown, setShown] = useState(text);
  const newest = useRef(text);
  newest.current = text;
  useEffect(() => {
    if (!isGrowing) return setShown(text);
    if (shown === text) return;
    const timer = setTimeout(() => setShown(newest.current), redrawEveryMs);
    return () => clearTimeout(timer);
  }, [text === shown, isGrowing]);
  return isGrowing ? shown : text;
}
