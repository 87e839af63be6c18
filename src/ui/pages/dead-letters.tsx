/* Records that could not become rows: how many and why, all of them, and one to mend and resend. */

import { useState } from "preact/hooks";

import { ApiError, post, useGet } from "../api.ts";
import { bytes, count } from "../format.ts";
import { Bytes, bytesOf } from "../parts/bytes.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { Facts } from "../parts/facts.tsx";
import { MadeBy } from "../parts/made-by.tsx";
import { Page } from "../parts/page.tsx";
import { Empty, Failure, Region } from "../parts/region.tsx";
import { Ago, At } from "../parts/time.tsx";
import { go, href, place, setQuery } from "../route.ts";
import type { DeadLetter, DeadLetters, LetterCount, LettersDropped, Resend } from "../types.ts";

const FILTERS = ["source", "table", "kind", "reason"] as const;

/* --- links ------------------------------------------------------------------------------------ */

function Table({ name }: { name: string | null }) {
  return name === null ? <>–</> : <a href={href(["tables", name])}>{name}</a>;
}

/* The topic or the stream that the record came from. */
function Origin({ of: { source, origin } }: { of: DeadLetter }) {
  return origin === null ? (
    <>–</>
  ) : (
    <a href={href([source === "stream" ? "streams" : "topics", origin])}>{origin}</a>
  );
}

/* --- all letters ------------------------------------------------------------------------------ */

function Counts({ counts }: { counts: LetterCount[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Counts">
      <table>
        <caption class="hidden">Dead letters by kind of reason</caption>
        <thead>
          <tr>
            <th scope="col">Kind of reason</th>
            <th scope="col">Table</th>
            <th scope="col">Source</th>
            <th scope="col" class="number">
              Letters
            </th>
          </tr>
        </thead>
        <tbody>
          {counts.map((one) => (
            <tr key={`${one.source} ${one.table} ${one.kind}`}>
              <td class="words">
                <a
                  href={href(["dead-letters"], {
                    source: one.source,
                    table: one.table ?? undefined,
                    kind: one.kind ?? undefined,
                  })}
                >
                  {one.kind ?? "no reason"}
                </a>
              </td>
              <td>
                <Table name={one.table} />
              </td>
              <td>{one.source}</td>
              <td class="number">{count(one.letters)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Letters({ items }: { items: DeadLetter[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Letters">
      <table>
        <caption class="hidden">Dead letters, the newest first</caption>
        <thead>
          <tr>
            <th scope="col">Reason</th>
            <th scope="col">Value</th>
            <th scope="col">Table</th>
            <th scope="col">Where</th>
            <th scope="col">Time</th>
            <th scope="col">Sent again</th>
          </tr>
        </thead>
        <tbody>
          {items.map((one) => (
            <tr key={one.id}>
              <td class="words">
                <a href={href(["dead-letters", one.id])}>{one.reason}</a>
              </td>
              <td>
                <code class="short maker">{one.value}</code>
              </td>
              <td>
                <Table name={one.table} />
              </td>
              <td class="place">
                {one.origin === null ? (one.object ?? "–") : <Origin of={one} />} {one.partition}
              </td>
              <td>
                <At ms={one.time_ms} />
              </td>
              <td>{one.resent === null ? "" : <Ago ms={one.resent.sent_ms} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/* Sends all letters of the filter, a hundred a request, after the reader said yes. */
function ResendAll({ filter, done }: { filter: Record<string, string>; done: () => void }) {
  const [asked, setAsked] = useState(false);
  const [said, setSaid] = useState("");
  const [error, setError] = useState<ApiError>();
  const send = async () => {
    const sum = { sent: 0, sent_before: 0, failed: 0 };
    setAsked(false);
    setError(undefined);
    try {
      let cursor: string | undefined;
      do {
        const got: Resend = await post<Resend>("dead_letters/resend", { filter, cursor });
        sum.sent += got.sent;
        sum.sent_before += got.sent_before;
        sum.failed += got.failed;
        cursor = got.next;
        setSaid(
          `${sum.sent} sent, ${sum.sent_before} were sent before, ${sum.failed} could not be sent.`,
        );
      } while (cursor !== undefined);
    } catch (reason) {
      if (reason instanceof ApiError) {
        setError(reason);
      }
    }
    done();
  };
  return (
    <>
      <div class="bar">
        {asked ? (
          <>
            <span>
              Each record goes to its topic or stream again, unless it was sent before. Without a
              change of the table it will be rejected again.
            </span>
            <button class="main" onClick={() => void send()}>
              Send them
            </button>
            <button onClick={() => setAsked(false)}>Do not send</button>
          </>
        ) : (
          <button onClick={() => setAsked(true)}>Send all of these again</button>
        )}
        <span role="status">{said}</span>
      </div>
      {error === undefined ? null : <Failure error={error} />}
    </>
  );
}

/* Which letters: by their ids, or all that fit. */
type Which = { ids: string[] } | { filter: Record<string, string> };

/* Drops letters, after the reader has seen how many and said yes: the server refuses others. */
function Drop({ which, name, done }: { which: Which; name: string; done: () => void }) {
  const [counted, setCounted] = useState<LettersDropped>();
  const found = counted?.letters;
  const [said, setSaid] = useState("");
  const [error, setError] = useState<ApiError>();
  const ask = async () => {
    setError(undefined);
    setSaid("");
    try {
      const got = await post<LettersDropped>("dead_letters/drop", { ...which, dry_run: true });
      if (got.letters === 0) {
        setSaid("There is no such letter any more.");
      } else {
        setCounted(got);
      }
    } catch (reason) {
      if (reason instanceof ApiError) {
        setError(reason);
      }
    }
  };
  const drop = async () => {
    const { letters } = await post<LettersDropped>("dead_letters/drop", {
      ...which,
      seen: counted?.seen,
    });
    setSaid(letters === 1 ? "1 letter was dropped." : `${count(letters)} letters were dropped.`);
  };
  return (
    <>
      <div class="bar">
        <button type="button" onClick={() => void ask()}>
          {name}
        </button>
        <span role="status">{said}</span>
      </div>
      {error === undefined ? null : <Failure error={error} />}
      {found === undefined ? null : (
        <Confirm
          title={found === 1 ? "Drop the letter?" : `Drop ${count(found)} letters?`}
          verb="Drop"
          count={found}
          act={drop}
          close={() => setCounted(undefined)}
          done={done}
        >
          <p>
            {found === 1 ? "It goes" : "They go"} away for good: a load that finds the record again
            does not bring the letter back, and a letter that was dropped cannot be sent.
          </p>
        </Confirm>
      )}
    </>
  );
}

function AllLetters() {
  const { query } = place.value;
  const filter: Record<string, string> = {};
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value !== null) {
      filter[name] = value;
    }
  }
  const asked = new URLSearchParams({ ...filter, limit: "50" });
  const cursor = query.get("cursor");
  if (cursor !== null) {
    asked.set("cursor", cursor);
  }
  const letters = useGet<DeadLetters>(`dead_letters?${asked}`, ["tables"]);
  const filtered = Object.keys(filter).length > 0;
  return (
    <Page title="Dead letters">
      <Region of={letters}>
        {({ counts, items, next }) =>
          counts.length === 0 ? (
            <Empty command="pinion dead-letters list">
              There are no dead letters: every record became a row. A record that does not fit its
              table would be here, with the reason.
            </Empty>
          ) : (
            <>
              <Counts counts={counts} />
              <h2>{filtered ? "Letters of the filter" : "All letters"}</h2>
              <div class="bar">
                <input
                  type="search"
                  id="reason"
                  placeholder="Part of the reason"
                  aria-label="Filter by a part of the reason"
                  value={query.get("reason") ?? ""}
                  onChange={(event) => {
                    setQuery("cursor", undefined);
                    setQuery("reason", event.currentTarget.value);
                  }}
                />
                {filtered ? <a href={href(["dead-letters"])}>Show all</a> : null}
              </div>
              <div class="actions">
                <ResendAll filter={filter} done={letters.again} />
                <Drop which={{ filter }} name="Drop all of these" done={letters.again} />
              </div>
              {items.length === 0 ? (
                <p class="quiet">No letter fits.</p>
              ) : (
                <Letters items={items} />
              )}
              <div class="bar more">
                {cursor === null ? null : (
                  <button onClick={() => setQuery("cursor", undefined)}>Newest</button>
                )}
                {next === undefined ? null : (
                  <button onClick={() => setQuery("cursor", next)}>Older</button>
                )}
              </div>
            </>
          )
        }
      </Region>
    </Page>
  );
}

/* --- one letter ------------------------------------------------------------------------------- */

/* What JSON.parse() has against the text; "" for JSON. */
function wrongWith(text: string): string {
  try {
    JSON.parse(text);
    return "";
  } catch (reason) {
    return reason instanceof Error ? reason.message : String(reason);
  }
}

function Mend({ letter, done }: { letter: DeadLetter; done: () => void }) {
  const original = letter.encoding === "text" ? (letter.value ?? "") : "";
  const [text, setText] = useState(original);
  const [said, setSaid] = useState("");
  const [error, setError] = useState<ApiError>();
  const changed = text !== original;
  const wrong = wrongWith(text);
  const send = async (event: Event) => {
    event.preventDefault();
    setError(undefined);
    try {
      const got = await post<Resend>("dead_letters/resend", {
        ids: [letter.id],
        edited: changed ? { value: text, encoding: "text" } : undefined,
      });
      const [one] = got.letters;
      setSaid(
        one === undefined
          ? "The letter is not there any more."
          : (one.message ?? (one.outcome === "sent" ? "It was sent." : "It was sent before.")),
      );
      done();
    } catch (reason) {
      if (reason instanceof ApiError) {
        setError(reason);
      }
    }
  };
  return (
    <form onSubmit={(event) => void send(event)}>
      <h2>Mend and send again</h2>
      <p>{letter.advice}</p>
      <label for="mended">Record</label>
      <textarea
        id="mended"
        class="editor"
        value={text}
        aria-describedby="mended-wrong"
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <div class="bar">
        <button class="main" disabled={letter.resent !== null || (changed && text === "")}>
          {changed ? "Send the edited record" : "Send unchanged"}
        </button>
        {changed ? (
          <button type="button" onClick={() => setText(original)}>
            Undo the edit
          </button>
        ) : null}
        <span id="mended-wrong" class="quiet">
          {wrong === "" || (!changed && letter.encoding === "base64") ? "" : `Not JSON: ${wrong}`}
        </span>
        <span role="status">{said}</span>
      </div>
      {error === undefined ? null : <Failure error={error} />}
    </form>
  );
}

function Sent({ letter }: { letter: DeadLetter }) {
  const { resent } = letter;
  return resent === null ? null : (
    <div class="notice" role="status">
      {resent.offset === null ? (
        <p>A sending was interrupted. Send it again: the server looks whether it is there first.</p>
      ) : (
        <p>
          Sent again{resent.edited ? ", edited," : ""} <At ms={resent.sent_ms} />, to{" "}
          <code>{resent.origin}</code>, {letter.source === "stream" ? "shard" : "partition"}{" "}
          {resent.partition}, offset {resent.offset}. A letter is sent once.
        </p>
      )}
    </div>
  );
}

/* The run, the stream or the command, and after which version of the table it was at work. */
function WrittenBy({ letter }: { letter: DeadLetter }) {
  const { table, after_version: version } = letter;
  return (
    <>
      <MadeBy of={letter} />
      {table === null || version === null ? null : (
        <span class="quiet">
          , after <a href={href(["tables", table, "history"])}>version {count(version)}</a> of{" "}
          {table}
        </span>
      )}
    </>
  );
}

function OneLetter({ id }: { id: string }) {
  const path = `dead_letters/${encodeURIComponent(id)}`;
  const letter = useGet<DeadLetter>(path);
  return (
    <Page title="A dead letter" trail={["Dead letters"]}>
      <Region of={letter}>
        {(one) => (
          <>
            <div class="notice danger">
              <p>{one.reason}</p>
            </div>
            <Sent letter={one} />
            <Facts
              of={{
                Table: <Table name={one.table} />,
                [one.source === "stream" ? "Stream" : "Topic"]: <Origin of={one} />,
                [one.source === "stream" ? "Shard" : "Partition"]: one.partition ?? "–",
                [one.source === "stream" ? "Sequence number" : "Offset"]: one.position ?? "–",
                Object: one.object === null ? "–" : `${one.object}, line ${one.line}`,
                Key: one.key ?? "–",
                Time: <At ms={one.time_ms} />,
                "Written by": <WrittenBy letter={one} />,
                Size: bytes(one.value === null ? 0 : bytesOf(one.value, one.encoding).length),
              }}
            />
            <h2>The record</h2>
            <Bytes value={one.value ?? ""} encoding={one.encoding} label="The record" />
            <p class="alone">
              <a href={`/api/v1/${path}/original`} download={`dead-letter-${id}.bin`}>
                Download the bytes
              </a>
            </p>
            <Mend key={one.value} letter={one} done={letter.again} />
            <h2>Drop</h2>
            <Drop
              which={{ ids: [one.id] }}
              name="Drop this letter"
              done={() => go(href(["dead-letters"]))}
            />
          </>
        )}
      </Region>
    </Page>
  );
}

export function DeadLettersPage({ rest }: { rest: string[] }) {
  const [id] = rest;
  return id === undefined ? <AllLetters /> : <OneLetter key={id} id={id} />;
}
