/** Explanations open in a panel over the page; the link works without it. */

export function followWhy(): void {
  const panel = document.getElementById("why") as HTMLDialogElement | null;
  const body = document.getElementById("why-body");
  if (!panel || !body) return;
  document.addEventListener("htmx:after:swap", () => {
    if (body.hasChildNodes() && !panel.open) panel.showModal();
  });
  panel.addEventListener("close", () => body.replaceChildren());
  // A press beside the panel closes it.
  panel.addEventListener("click", (event) => {
    if (event.target === panel) panel.close();
  });
}
