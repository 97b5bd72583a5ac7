/** The conversation beside the page: always there where there is room, opened by a button where there is not. */

export function followDock(): void {
  const dock = document.getElementById("dock");
  const opener = document.getElementById("open-dock");
  const closer = document.getElementById("close-dock");
  const input = document.getElementById("text");
  if (!dock || !opener || !closer) return;
  const show = (is: boolean) => {
    dock.classList.toggle("is-open", is);
    opener.setAttribute("aria-expanded", String(is));
    if (is) input?.focus();
    else opener.focus();
  };
  opener.hidden = closer.hidden = false;
  opener.addEventListener("click", () => show(true));
  closer.addEventListener("click", () => show(false));
  dock.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && dock.classList.contains("is-open")) show(false);
  });
}
