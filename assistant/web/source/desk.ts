/** What every page of the desk does: the conversation beside it, explanations, news, light or dark. */

import htmx from "htmx.org";
import { ownConversation } from "./own";
import { followDock } from "./dock";
import { followNews } from "./news";
import { followTheme } from "./theme";
import { followMoments } from "./moments";
import { followWhy } from "./why";

ownConversation();
followTheme();
followDock();
followWhy();
followMoments();
followNews(htmx);

document.addEventListener("change", ({ target }) => {
  if (!(target instanceof HTMLSelectElement)) return;
  if (target.dataset.goes !== undefined) location.assign(target.value);
  if (target.dataset.sends !== undefined) target.form?.requestSubmit();
});

// A slider tells where it stands before it is let go.
document.addEventListener("input", ({ target }) => {
  if (!(target instanceof HTMLInputElement) || target.type !== "range") return;
  const told = document.querySelector(`output[for="${target.id}"]`);
  if (told) told.textContent = Number(target.value).toLocaleString("en");
});
