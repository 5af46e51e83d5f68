import type { Explanation, ListedObject } from '../../../client/client.ts'

const PICTURE = /\.(?:avif|jpe?g|png|webp)$/i
/** Larger ones take long to load and to copy. */
const MAX_BYTES = 5_000_000

/** The first picture that is not in one of these backends. */
export function findPicture(
  objects: readonly ListedObject[],
  destinations: readonly string[],
): string | undefined {
  const isFit = ({ name, size, backend }: ListedObject): boolean =>
    PICTURE.test(name) && (size ?? 0) <= MAX_BYTES && !destinations.includes(backend)
  return objects.find(isFit)?.name
}

export const STEPS = ['request', 'repeat', 'delete', 'all'] as const
export type StepId = (typeof STEPS)[number]

/** What was done since the page was opened; the rest is in the explanation. */
export interface Done {
  /** The copy has been requested, and the primary served it. */
  repeated: boolean
  undeleted: boolean
}

/** The step at which the tour is. */
export function currentStep({ tombstone, migration }: Explanation, { repeated, undeleted }: Done): StepId {
  if (tombstone) return 'delete'
  if (undeleted) return 'all'
  if (migration.state !== 'present') return 'request'
  return repeated ? 'delete' : 'repeat'
}

/** What a Cache-Status field (RFC 9211) of the Worker says, in words. */
export function describeCacheStatus(field: string): string {
  const parts = field.split(';').map((part) => part.trim())
  const detail = parts.find((part) => part.startsWith('detail='))?.slice('detail='.length) ?? 'a backend'
  if (parts[0] === 'fallback-storage-edge') return 'The edge cache had it, and no backend was tried.'
  return `${detail} had it${parts.includes('stored') ? ', and a copy has begun' : ''}.`
}

/** A request as a line for a shell. `$TOKEN` stands for the token. */
export function curlCommand(
  url: string,
  { method, json }: { method?: 'DELETE' | 'POST'; json?: object } = {},
): string {
  const quoted = `'${url.replaceAll("'", '%27')}'`
  if (!method) return `curl -sD- -o /dev/null ${quoted}`
  const body = json ? ` --json '${JSON.stringify(json)}'` : ''
  return `curl -X ${method} -H "Authorization: Bearer $TOKEN"${body} ${quoted}`
}
