import type { ITheme } from '@xterm/xterm';

/** Dark in every appearance, since programs choose their colours for that. */
export const terminalTheme: ITheme = {
  background: '#14161b',
  foreground: '#e3e5ea',
  cursor: '#7fd4c1',
  cursorAccent: '#14161b',
  selectionBackground: '#3a4456',
  black: '#2a2e37',
  red: '#f07178',
  green: '#8fce7e',
  yellow: '#e6c274',
  blue: '#7fb0f5',
  magenta: '#c99cf0',
  cyan: '#6fd0d6',
  white: '#d5d8df',
  brightBlack: '#7c8495',
  brightRed: '#ff9aa0',
  brightGreen: '#b0e6a1',
  brightYellow: '#ffdf9b',
  brightBlue: '#a8ccff',
  brightMagenta: '#e0bdff',
  brightCyan: '#9ceaef',
  brightWhite: '#ffffff',
};
