/* The frame: navigation beside the page that the URL names. */

import { useEffect, useState } from "preact/hooks";
import type { ComponentType } from "preact";

import { logOut, needsLogin, session } from "./api.ts";
import { switchZone, zone } from "./format.ts";
import { Login } from "./pages/login.tsx";
import { overlay } from "./keys.ts";
import { LinkMark } from "./parts/link.tsx";
import { Page } from "./parts/page.tsx";
import { forgetWork } from "./query-store.ts";
import { href, place, segments } from "./route.ts";
import { nextTheme, theme } from "./theme.ts";

interface PageProps {
  rest: string[]; // the segments after the page's own
}

interface Entry {
  name: string; // in the navigation
  segment: string;
  load: () => Promise<ComponentType<PageProps>>;
}

const ENTRIES: Entry[] = [
  {
    name: "Overview",
    segment: "",
    load: async () => (await import("./pages/overview.tsx")).Overview,
  },
  {
    name: "DAGs",
    segment: "dags",
    load: async () => (await import("./pages/dags.tsx")).DagsPage,
  },
  {
    name: "Runs",
    segment: "runs",
    load: async () => (await import("./pages/runs.tsx")).RunsPage,
  },
  {
    name: "Tables",
    segment: "tables",
    load: async () => (await import("./pages/tables.tsx")).TablesPage,
  },
  {
    name: "Query",
    segment: "query",
    load: async () => (await import("./pages/query.tsx")).QueryPage,
  },
  {
    name: "Topics",
    segment: "topics",
    load: async () => (await import("./pages/topics.tsx")).TopicsPage,
  },
  {
    name: "Streams",
    segment: "streams",
    load: async () => (await import("./pages/streams.tsx")).StreamsPage,
  },
  {
    name: "Dead letters",
    segment: "dead-letters",
    load: async () => (await import("./pages/dead-letters.tsx")).DeadLettersPage,
  },
  {
    name: "Jobs",
    segment: "jobs",
    load: async () => (await import("./pages/jobs.tsx")).JobsPage,
  },
  {
    name: "Status",
    segment: "status",
    load: async () => (await import("./pages/status.tsx")).StatusPage,
  },
];

function Navigation({ segment }: { segment: string }) {
  return (
    <header class="side">
      <a class="name" href={href([])}>
        <img src="/ui/icon.svg" width="20" height="20" alt="" />
        pinion
      </a>
      <nav class="pages" aria-label="Pages">
        {ENTRIES.map((entry) => (
          <a
            key={entry.name}
            href={href(entry.segment === "" ? [] : [entry.segment])}
            aria-current={entry.segment === segment ? "page" : undefined}
          >
            {entry.name}
          </a>
        ))}
      </nav>
      <div class="settings">
        <LinkMark />
        <button onClick={() => (overlay.value = "palette")}>Go to… (Ctrl K)</button>
        <button onClick={() => (overlay.value = "help")}>Shortcuts</button>
        <button
          onClick={switchZone}
          aria-label={`Times in ${zone.value === "UTC" ? "UTC" : "local time"}: switch`}
        >
          {zone.value === "UTC" ? "UTC" : "Local time"}
        </button>
        <button onClick={nextTheme} aria-label={`Colours: ${theme.value}: switch`}>
          Colours: {theme.value}
        </button>
        {session.value?.user && !needsLogin.value ? (
          <button
            onClick={() => void logOut().then(forgetWork)}
            title={`You are ${session.value.user}`}
          >
            Log out
          </button>
        ) : null}
      </div>
    </header>
  );
}

function Outlet({ entry, rest }: { entry: Entry; rest: string[] }) {
  const [page, setPage] = useState<{ entry: Entry; Shown: ComponentType<PageProps> }>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    setFailed(false);
    entry.load().then(
      (Shown) => setPage({ entry, Shown }),
      () => setFailed(true),
    );
  }, [entry]);
  if (failed) {
    return (
      <Page title={entry.name}>
        <div class="notice danger" role="alert">
          <p>
            This page could not be loaded: the server does not answer, or it has another version
            now.
          </p>
          <button onClick={() => location.reload()}>Load it again</button>
        </div>
      </Page>
    );
  }
  return page?.entry === entry ? <page.Shown rest={rest} /> : null;
}

/* Loaded when it is first asked for. */
function Over() {
  const [Shown, setShown] = useState<{ Overlay: ComponentType }>();
  const wanted = overlay.value !== "none";
  useEffect(() => {
    if (wanted && Shown === undefined) {
      void import("./parts/overlay.tsx").then(setShown);
    }
  }, [wanted]);
  return Shown === undefined ? null : <Shown.Overlay />;
}

export function App() {
  const [segment = "", ...rest] = segments(place.value.path);
  const entry = ENTRIES.find((one) => one.segment === segment);
  return (
    <div class="frame">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Navigation segment={segment} />
      {needsLogin.value ? (
        <Login />
      ) : entry === undefined ? (
        <Page title="No such page">
          <p>
            Nothing is at <code>{location.pathname}</code>. <a href={href([])}>The overview</a>{" "}
            leads to what there is.
          </p>
        </Page>
      ) : (
        <Outlet entry={entry} rest={rest} />
      )}
      {needsLogin.value ? null : <Over />}
    </div>
  );
}
