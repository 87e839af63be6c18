/* Lays out a large graph beside the page, which stays quick meanwhile. */

import { layOut } from "./layout-core.ts";
import type { LayoutTask } from "./layout-core.ts";

addEventListener("message", (event: MessageEvent<LayoutTask[]>) => {
  postMessage(layOut(event.data));
});
