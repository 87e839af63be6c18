/* Where the reader is: the URL holds all of a page's state, so that each view is a link. */

import { signal } from "@preact/signals";

export interface Place {
  path: string; // below /ui, without slashes at its ends: "tables/clean/pin"
  query: URLSearchParams;
}

const ROOT = "/ui/";
const FILE = /^\/ui\/[^/]*\.[^/]*$/; // served as it is, such as the licences

function placeOf(url: Location | URL): Place {
  const path = url.pathname.startsWith(ROOT) ? url.pathname.slice(ROOT.length) : "";
  return { path: path.replace(/\/+$/, ""), query: new URLSearchParams(url.search) };
}

export const place = signal<Place>(placeOf(location));

/* The address of a page; `parts` are encoded, empty values are left out. */
export function href(parts: string[], query: Record<string, string | undefined> = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") {
      search.set(name, value);
    }
  }
  const text = search.toString();
  return ROOT + parts.map(encodeURIComponent).join("/") + (text === "" ? "" : `?${text}`);
}

/* The segments of the path, decoded. */
export function segments(path: string): string[] {
  return path === "" ? [] : path.split("/").map(decodeURIComponent);
}

export function go(to: string): void {
  history.pushState(null, "", to);
  place.value = placeOf(location);
}

/* Changes one parameter of the page that is shown; the Back button does not stop at it. */
export function setQuery(name: string, value: string | undefined): void {
  const query = new URLSearchParams(location.search);
  if (value === undefined || value === "") {
    query.delete(name);
  } else {
    query.set(name, value);
  }
  const text = query.toString();
  history.replaceState(null, "", location.pathname + (text === "" ? "" : `?${text}`));
  place.value = placeOf(location);
}

/* A plain click on a link to one of our pages is answered here; the browser does all others. */
function onClick(event: MouseEvent): void {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  const plain =
    event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (
    link === null ||
    !plain ||
    event.defaultPrevented ||
    link.target !== "" ||
    link.hasAttribute("download")
  ) {
    return;
  }
  const url = new URL(link.href);
  if (url.origin === location.origin && url.pathname.startsWith(ROOT) && !FILE.test(url.pathname)) {
    event.preventDefault();
    go(url.href);
  }
}

export function startRouting(): void {
  document.addEventListener("click", onClick);
  addEventListener("popstate", () => {
    place.value = placeOf(location);
  });
}
