import { useState } from 'preact/hooks';
import { applyTheme, readTheme, type Theme, themes } from '../state/theme.ts';
import { Icon } from './icon.tsx';

const words: Record<Theme, string> = { system: 'as the system', light: 'light', dark: 'dark' };

/** One button that goes through the three. */
export function ThemeChoice() {
  const [theme, setTheme] = useState(readTheme);
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system';
  const change = () => {
    applyTheme(next);
    setTheme(next);
  };
  const label = `Appearance: ${words[theme]}. Change to ${words[next]}`;
  return (
    <button type="button" class="quiet" onClick={change} title={label} aria-label={label}>
      <Icon name={theme} />
    </button>
  );
}
