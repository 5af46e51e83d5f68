import { StorageError } from '../storage/errors.ts'
import type { Position } from './merge.ts'

/** Everything that the next page of a merged listing needs to know. */
export interface ListState {
  /** The last name returned, over all backends; absent before the first. */
  last?: string
  /** One for each listable backend, in the chain's order. */
  positions: Position[]
}

/** The listing that a cursor belongs to. */
export interface CursorBinding {
  /** The deployment's secret. */
  key: string
  /** Identifies the query (prefix, delimiter). */
  query: string
  /** Identifies the chain (its backends). */
  chain: string
}

const MAC_BYTES = 32
/** Separates this use of the secret from any other; a new cursor format needs a new number. */
const PURPOSE = 'fallback-storage list cursor 3\0'
const HMAC = { name: 'HMAC', hash: 'SHA-256' }

const encoder = new TextEncoder()

/**
 * An opaque cursor that contains `state` and is only valid for that query, chain and key: base64url of an HMAC and JSON.
 *
 * It is signed because it contains the backends' own cursors, which may lead outside the prefix that a token is limited to.
 */
export async function sealCursor(state: ListState, { key, query, chain }: CursorBinding): Promise<string> {
  const json = encoder.encode(JSON.stringify({ query, chain, state }))
  const mac = await crypto.subtle.sign('HMAC', await importKey(key), json)
  const bytes = new Uint8Array([...new Uint8Array(mac), ...json])
  return bytes.toBase64({ alphabet: 'base64url', omitPadding: true })
}

/** The state from `sealCursor`. Throws `invalid`, with the reason, if the cursor is not from this listing. */
export async function openCursor(cursor: string, { key, query, chain }: CursorBinding): Promise<ListState> {
  const bytes = decode(cursor)
  const [mac, json] = [bytes.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES)]
  if (!(await crypto.subtle.verify('HMAC', await importKey(key), mac, json)))
    throw invalid('the cursor was changed or cut short, or comes from another deployment or version')
  const sealed = JSON.parse(new TextDecoder().decode(json)) as CursorBinding & { state: ListState }
  if (sealed.query !== query)
    throw invalid('the cursor belongs to another listing: prefix and delimiter must stay the same')
  if (sealed.chain !== chain)
    throw invalid('the cursor is outdated: the backends have changed since; list again from the start')
  return sealed.state
}

function decode(cursor: string): Uint8Array<ArrayBuffer> {
  const padding = '='.repeat((4 - (cursor.length % 4)) % 4)
  try {
    return Uint8Array.fromBase64(cursor + padding, { alphabet: 'base64url', lastChunkHandling: 'strict' })
  } catch (cause) {
    throw new StorageError('invalid', 'the cursor is not from this service, or was changed', { cause })
  }
}

function importKey(secret: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', encoder.encode(PURPOSE + secret), HMAC, false, ['sign', 'verify'])
}

function invalid(why: string): StorageError {
  return new StorageError('invalid', why)
}
