/** What every page of the desk does: the conversation beside it, explanations, news, light or dark. */

import htmx from "htmx.org";
import "./conversation.js";
import { followDock } from "./dock";
import { followNews } from "./news";
import { followTheme } from "./theme";
import { followMoments } from "./moments";
import { followWhy } from "./why";

followTheme();
followDock();
followWhy();
followMoments();
followNews(htmx);

for (const pick of document.querySelectorAll<HTMLSelectElement>("select[data-goes]")) {
  pick.addEventListener("change", () => location.assign(pick.value));
}
