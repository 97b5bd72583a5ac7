/** The conversation on a page of its own. */

import "./conversation";
