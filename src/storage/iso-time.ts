/** Milliseconds since 1970 as the JSON API shows them: ISO 8601 in UTC. `null` stays `null`. */
export function isoTime<Ms extends number | null>(ms: Ms): string | Extract<Ms, null> {
  return (ms === null ? null : new Date(ms).toISOString()) as string | Extract<Ms, null>
}
