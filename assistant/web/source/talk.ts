/** The conversation on a page of its own. */

import { ownConversation } from "./own";

ownConversation();
