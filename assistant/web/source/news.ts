/** One stream tells when something moved; what a page shows of it is then asked for again. */

interface Htmx {
  ajax(verb: string, path: string, context: Record<string, unknown>): Promise<void>;
}

/** Longest wait for the connection to come back is the browser's own. */
export function followNews(htmx: Htmx): void {
  if (!document.querySelector("[data-live]")) return;
  const refresh = () => {
    for (const part of document.querySelectorAll<HTMLElement>("[data-live]")) {
      const path = part.dataset.live ?? location.pathname;
      void htmx.ajax("GET", path, { target: part, select: `#${part.id}`, swap: "outerMorph" });
    }
  };
  const stream = new EventSource("/events");
  stream.addEventListener("changed", refresh);
  document.addEventListener("htmx:after:swap", (event) => {
    const swapped = event.target as Element | null;
    if (swapped?.id === "outcome") refresh();
  });
  addEventListener("pagehide", () => stream.close());
}
