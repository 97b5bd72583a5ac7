/** Moments come in UTC and are shown in the reader's own time. */

const FORM = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

export function followMoments(): void {
  document.addEventListener("htmx:after:swap", show);
  show();
}

function show(): void {
  for (const time of document.querySelectorAll<HTMLTimeElement>("time[data-moment]")) {
    time.textContent = FORM.format(new Date(time.dateTime));
    time.removeAttribute("data-moment");
  }
}
