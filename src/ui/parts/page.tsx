/* What every page has: a title that says where the reader is, and its parts below. */

import { useEffect, useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { href, place } from "../route.ts";

interface Props {
  title: string;
  trail?: string[]; // names of the pages above, from the top; their addresses are its own segments
  children: ComponentChildren;
}

export function Page({ title, trail = [], children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { path } = place.value;
  useEffect(() => {
    document.title = `${title} · pinion`;
  }, [title]);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true }); // a screen reader says where it is now
  }, [path]);
  return (
    <main id="main">
      {trail.length === 0 ? null : (
        <nav class="trail" aria-label="Breadcrumb">
          {trail.map((name) => (
            <a key={name} href={href([name.toLowerCase().replaceAll(" ", "-")])}>
              {name}
            </a>
          ))}
        </nav>
      )}
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </main>
  );
}
