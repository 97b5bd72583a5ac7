/** Light or dark: as the system is, until somebody chooses. */

const COOKIE = "gtm_theme";
const YEAR = 365 * 24 * 3600;

export function followTheme(): void {
  const button = document.getElementById("theme");
  if (!button) return;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const show = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    document.dispatchEvent(new Event("desk:theme"));
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    document.cookie = `${COOKIE}=${root.dataset.theme}; path=/; max-age=${YEAR}; samesite=strict`;
    show();
  });
  system.addEventListener("change", show);
  show();
}
