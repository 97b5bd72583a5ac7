/** One stream tells when something moved; the live parts of a page are then asked for again, all at once. */

interface Htmx {
  ajax(verb: string, path: string, context: Record<string, unknown>): Promise<void>;
}

/** Longest wait for the connection to come back is the browser's own. */
export function followNews(htmx: Htmx): void {
  if (!document.querySelector("[data-live]")) return;
  const refresh = () => {
    const [first, ...others] = document.querySelectorAll<HTMLElement>("[data-live]");
    if (!first) return;
    void htmx.ajax("GET", first.dataset.live ?? location.pathname, {
      target: first,
      select: `#${first.id}`,
      selectOOB: others.map((part) => `#${part.id}:outerMorph`).join(","),
      swap: "outerMorph",
    });
  };
  const stream = new EventSource("/events");
  stream.addEventListener("changed", refresh);
  document.addEventListener("htmx:after:swap", (event) => {
    const swapped = event.target as Element | null;
    if (swapped?.id === "outcome") refresh();
  });
  addEventListener("pagehide", () => stream.close());
}
