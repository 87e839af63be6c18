/* Lays out the graph of a DAG once for each of its definitions; a large one in a Worker. */

import type { Layout, LayoutTask } from "./layout-core.ts";

const HERE_MAX = 100; // tasks that are laid out without a Worker

const done = new Map<string, Promise<Layout>>();

/* The Worker's script is one of our own files, which index.html names. */
function workerAddress(): string {
  const named = document.querySelector<HTMLMetaElement>("meta[name='layout-worker']")?.content;
  const address = named ?? "";
  const { trustedTypes } = window as unknown as {
    trustedTypes?: {
      createPolicy: (
        name: string,
        rules: { createScriptURL: (url: string) => string },
      ) => { createScriptURL: (url: string) => string };
    };
  };
  return trustedTypes === undefined
    ? address
    : trustedTypes
        .createPolicy("pinion", {
          createScriptURL: (url) => (url === named ? url : ""),
        })
        .createScriptURL(address);
}

/* A policy's name is given away once, so the address is made once. */
let worker: string | undefined;

function inWorker(tasks: LayoutTask[]): Promise<Layout> {
  worker ??= workerAddress();
  const helper = new Worker(worker, { type: "module" });
  return new Promise<Layout>((resolve, reject) => {
    helper.onmessage = (event: MessageEvent<Layout>) => resolve(event.data);
    helper.onerror = () => reject(new Error("the layout failed"));
    helper.postMessage(tasks);
  }).finally(() => helper.terminate());
}

/* `key` stands for the definition. */
export function layoutOf(key: string, tasks: LayoutTask[]): Promise<Layout> {
  let layout = done.get(key);
  if (layout === undefined) {
    layout =
      tasks.length > HERE_MAX
        ? inWorker(tasks)
        : import("./layout-core.ts").then((core) => core.layOut(tasks));
    done.set(key, layout);
  }
  return layout;
}
