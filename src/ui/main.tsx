/* The start of the pages. */

import "./tokens.css";
import "./base.css";
import "./parts.css";

import { render } from "preact";

import { App } from "./app.tsx";
import { startRouting } from "./route.ts";
import { applyTheme } from "./theme.ts";

applyTheme();
startRouting();
render(<App />, document.body);
