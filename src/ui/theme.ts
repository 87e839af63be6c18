/* Light, dark, or as the reader's system has it. */

import { signal } from "@preact/signals";

const THEME = "pinion-theme";
const THEMES = ["system", "light", "dark"] as const;

export type Theme = (typeof THEMES)[number];

export const theme = signal<Theme>(
  THEMES.find((name) => name === localStorage.getItem(THEME)) ?? "system",
);

export function applyTheme(): void {
  if (theme.value === "system") {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = theme.value;
  }
}

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "system";
  localStorage.setItem(THEME, theme.value);
  applyTheme();
}
