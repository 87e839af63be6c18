/* The start of the pages. */

import "uplot/dist/uPlot.min.css";
import "./tokens.css";
import "./base.css";
import "./parts.css";
import "./records.css";
import "./states.css";
import "./dags.css";
import "./world.css";

import { render } from "preact";

import { App } from "./app.tsx";
import { startEvents } from "./events.ts";
import { startKeys } from "./keys.ts";
import { startRouting } from "./route.ts";
import { applyTheme } from "./theme.ts";

applyTheme();
startRouting();
startEvents();
startKeys();
document.body.replaceChildren(); // the frame of index.html
render(<App />, document.body);
