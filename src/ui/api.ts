/* The one place that asks the server: every other file asks it through here. */

import { useEffect, useState } from "preact/hooks";
import { signal } from "@preact/signals";

/* An answer that is an error: what happened, and what to do. */
export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer came
    readonly code: string,
    message: string,
    readonly hint?: string,
    readonly position?: { byte: number; line: number; column: number },
  ) {
    super(message);
  }
}

/* Set when the server refuses us for want of a key: everything stops, and the login is shown. */
export const needsLogin = signal(false);

/* The key of a server that asks for one; it lives as long as the tab. */
const KEY = "pinion-key";

export function setKey(key: string): void {
  sessionStorage.setItem(KEY, key);
  needsLogin.value = false;
}

function headers(body: boolean): Record<string, string> {
  const all: Record<string, string> = { accept: "application/json" };
  const key = sessionStorage.getItem(KEY);
  if (key !== null) {
    all["x-api-key"] = key;
  }
  if (body) {
    all["content-type"] = "application/json";
  }
  return all;
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text);
    return new ApiError(response.status, error.code, error.message, error.hint, error.position);
  } catch {
    return new ApiError(response.status, "unknown", text.slice(0, 500) || response.statusText);
  }
}

async function send(
  method: string,
  path: string,
  body: unknown,
  signal?: AbortSignal,
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path.startsWith("/") ? path : `/api/v1/${path}`, {
      method,
      headers: headers(body !== undefined),
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (signal?.aborted) {
      throw error;
    }
    throw new ApiError(0, "offline", "The server does not answer.", "Is pinion serve running?");
  }
  if (response.status === 401) {
    needsLogin.value = true;
  }
  if (!response.ok) {
    throw await errorOf(response);
  }
  return response;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await send("GET", path, undefined, signal)).json()) as T;
}

export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return (await (await send("POST", path, body, signal)).json()) as T;
}

export async function remove(path: string): Promise<void> {
  await send("DELETE", path, undefined);
}

/* A click on a link to a file: a link sends no key, so where there is one the file comes by us. */
export async function download(event: MouseEvent): Promise<void> {
  const link = event.currentTarget;
  if (sessionStorage.getItem(KEY) === null || !(link instanceof HTMLAnchorElement)) {
    return;
  }
  event.preventDefault();
  const { pathname, search } = new URL(link.href);
  const response = await send("GET", pathname + search, undefined);
  const saved = document.createElement("a");
  saved.href = URL.createObjectURL(await response.blob());
  saved.download = link.download;
  saved.click();
  URL.revokeObjectURL(saved.href);
}

/* What a region of a page shows of a GET. Data stay when a later answer is an error. */
export interface Loaded<T> {
  data?: T;
  error?: ApiError;
  atMs?: number; // when the data came
  again: () => void;
}

/*
 * The answer of GET `path`, asked anew when the path changes, when again() is called and, with
 * `everyMs`, at that pace while the page is visible. A path of undefined asks nothing.
 */
export function useGet<T>(path: string | undefined, everyMs = 0): Loaded<T> {
  const [state, setState] = useState<{ path?: string; data?: T; error?: ApiError; atMs?: number }>(
    {},
  );
  const [round, setRound] = useState(0);
  const again = () => setRound((n) => n + 1);

  useEffect(() => {
    if (path === undefined || needsLogin.value) {
      return undefined;
    }
    const abort = new AbortController();
    get<T>(path, abort.signal).then(
      (data) => setState({ path, data, atMs: Date.now() }),
      (error: unknown) => {
        if (!abort.signal.aborted && error instanceof ApiError) {
          setState((before) => (before.path === path ? { ...before, error } : { path, error }));
        }
      },
    );
    return () => abort.abort();
  }, [path, round, needsLogin.value]);

  useEffect(() => {
    if (everyMs === 0) {
      return undefined;
    }
    const timer = setInterval(() => {
      if (document.visibilityState === "visible" && !needsLogin.value) {
        again();
      }
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);

  return state.path === path ? { ...state, again } : { again };
}
