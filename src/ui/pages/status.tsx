/* What the server says of itself: its health, settings, routes, and the audit of changes. */

import { useGet } from "../api.ts";
import { runHref } from "../dag-paths.ts";
import { Facts } from "../parts/facts.tsx";
import { List } from "../parts/list.tsx";
import type { Column } from "../parts/list.tsx";
import { Page } from "../parts/page.tsx";
import { Problems } from "../parts/problems.tsx";
import { Empty, Region } from "../parts/region.tsx";
import { ServerList } from "../parts/server-list.tsx";
import type { ServerColumn } from "../parts/server-list.tsx";
import { State } from "../parts/state.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { At } from "../parts/time.tsx";
import { bytes } from "../format.ts";
import { words } from "../states.ts";
import type { AuditRow, Health, Items, RouteRow, ServerStatus, SettingRow } from "../types.ts";

const SETTINGS: Column<SettingRow>[] = [
  { name: "Setting", cell: (row) => <code>{row.name}</code>, sort: (row) => row.name },
  { name: "Value", cell: (row) => <code>{String(row.value)}</code> },
  { name: "Default", cell: (row) => <code>{row.default}</code> },
  { name: "Meaning", cell: (row) => <span class="wrap">{row.help}</span> },
];

const ROUTES: Column<RouteRow>[] = [
  { name: "Method", cell: (row) => row.method, sort: (row) => row.method },
  { name: "Path", cell: (row) => <code>{row.path}</code>, sort: (row) => row.path },
  { name: "Right", cell: (row) => row.right, sort: (row) => row.right },
  { name: "Of", cell: (row) => row.of, sort: (row) => row.of },
];

function HealthView() {
  const health = useGet<Health>("/health", ["health"]);
  return (
    <Region of={health}>
      {(data) => (
        <>
          <Facts
            of={{
              Health: <State state={data.status === "ok" ? "healthy" : "degraded"} />,
              Version: data.version,
              Licences: <a href="/ui/licences.txt">of what the pages are made from</a>,
            }}
          />
          <Problems health={data} />
        </>
      )}
    </Region>
  );
}

/* The server as a process; as of the page's opening and of each change of the health. */
function ProcessView() {
  const status = useGet<ServerStatus>("status", ["health"]);
  return (
    <Region of={status}>
      {({ disk, log_commit: commit, ...server }) => (
        <Facts
          of={{
            Roles: server.roles.join(", "),
            "Up since": <At ms={server.started_ms} />,
            Memory: bytes(server.memory_bytes),
            "Disk of the data": `${bytes(disk.free_bytes)} free of ${bytes(disk.all_bytes)}`,
            "Commit of the log":
              commit.p50_ms === null || commit.p99_ms === null
                ? "none yet"
                : `half within ${commit.p50_ms} ms, 99 % within ${commit.p99_ms} ms`,
            Process: server.pid,
          }}
        />
      )}
    </Region>
  );
}

function SettingsView() {
  const settings = useGet<Items<SettingRow>>("settings");
  return (
    <Region of={settings}>
      {({ items }) => (
        <List
          caption="Settings in force"
          columns={SETTINGS}
          rows={items}
          words={(row) => `${row.name} ${row.value} ${row.help}`}
          empty={<Empty>There are no settings.</Empty>}
        />
      )}
    </Region>
  );
}

function RoutesView() {
  const routes = useGet<{ routes: RouteRow[] }>("routes");
  return (
    <Region of={routes}>
      {(data) => (
        <List
          caption="Routes"
          columns={ROUTES}
          rows={data.routes}
          words={(row) => `${row.method} ${row.path} ${row.right}`}
          empty={<Empty>There are no routes.</Empty>}
        />
      )}
    </Region>
  );
}

/* All changes by people and programs, the newest first. */
const AUDIT: ServerColumn<AuditRow>[] = [
  { name: "Time", cell: (row) => <At ms={row.at_ms} />, sort: "at_ms" },
  { name: "Who", cell: (row) => row.who },
  { name: "What", cell: (row) => words(row.what) },
  {
    name: "Of",
    cell: (row) => {
      const run = row.dag !== null && row.run !== null ? runHref(row.dag, row.run) : undefined;
      const name = [row.dag, row.run, row.task].filter((part) => part !== null).join(" ");
      return run === undefined ? name : <a href={run}>{name}</a>;
    },
  },
  { name: "Detail", cell: (row) => <span class="wrap">{row.detail}</span> },
];

export function StatusPage({ rest }: { rest: string[] }) {
  const [view = "health"] = rest;
  return (
    <Page title="Status">
      <Tabs base={["status"]} views={["Health", "Settings", "Routes", "Audit"]} shown={view} />
      {view === "health" ? (
        <>
          <HealthView />
          <ProcessView />
        </>
      ) : null}
      {view === "settings" ? <SettingsView /> : null}
      {view === "routes" ? <RoutesView /> : null}
      {view === "audit" ? (
        <ServerList
          path="audit"
          topics={["dags"]}
          caption="Audit"
          columns={AUDIT}
          empty={<Empty>Nobody has changed anything yet.</Empty>}
        />
      ) : null}
    </Page>
  );
}
