// Light or dark: as the system has it, until somebody chooses.

const KEPT = 'mysimbdp.theme';
const THEMES = ['auto', 'light', 'dark'];

/** What was chosen. */
export function theme() {
  const kept = localStorage.getItem(KEPT);
  return THEMES.includes(kept) ? kept : 'auto';
}

/** Puts it on the page. */
export function applyTheme() {
  const chosen = theme();
  if (chosen === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

/** The next one. */
export function turnTheme() {
  localStorage.setItem(KEPT, THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
  applyTheme();
}
