// Light, dark, or as the system says; kept in this browser.

import { memory } from "./storage.js";

const KEY = "clap-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

/** "dark", "light" or "system". */
export const chosenTheme = () => memory.getItem(KEY) ?? "dark";

export function chooseTheme(theme) {
  memory.setItem(KEY, theme);
  applyTheme();
}

export function toggleTheme() {
  chooseTheme(document.body.classList.contains("dark") ? "light" : "dark");
}

export function applyTheme() {
  const theme = chosenTheme();
  document.body.classList.toggle("dark", theme === "dark" || (theme === "system" && system.matches));
  document.body.dispatchEvent(new Event("clap-theme"));
}

system.addEventListener("change", applyTheme);
