/** Light, dark, or as the system has it: kept in this browser. Runs before anything is drawn. */

const KEY = "kimi-proxy-theme";
export const THEMES = ["system", "light", "dark"];

/** The theme that was chosen last. */
export function chosenTheme() {
  try {
    const chosen = localStorage.getItem(KEY);
    return THEMES.includes(chosen) ? chosen : "system";
  } catch {
    return "system"; // storage may be forbidden
  }
}

/**
 * Shows a theme and keeps it.
 * @param {string} theme one of `THEMES`
 */
export function chooseTheme(theme) {
  show(theme);
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // then it holds for this page
  }
}

function show(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  dispatchEvent(new CustomEvent("kimi-proxy-theme", {detail: theme})); // what is drawn on a canvas is drawn anew
}

show(chosenTheme());
