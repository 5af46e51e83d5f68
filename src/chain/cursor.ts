import { StorageError } from '../storage/errors.ts'
import { seal, unseal } from '../storage/sealed.ts'
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

/** Separates this use of the secret from any other; a new cursor format needs a new number. */
const PURPOSE = 'fallback-storage list cursor 3\0'

/**
 * An opaque cursor that contains `state` and is only valid for that query, chain and key.
 *
 * It is signed because it contains the backends' own cursors, which may lead outside the prefix that a token is limited to.
 */
export function sealCursor(state: ListState, { key, query, chain }: CursorBinding): Promise<string> {
  return seal({ query, chain, state }, PURPOSE + key)
}

/** The state from `sealCursor`. Throws `invalid`, with the reason, if the cursor is not from this listing. */
export async function openCursor(cursor: string, { key, query, chain }: CursorBinding): Promise<ListState> {
  const sealed = (await unseal(cursor, PURPOSE + key)) as (CursorBinding & { state: ListState }) | undefined
  if (!sealed)
    throw invalid('the cursor was changed or cut short, or comes from another deployment or version')
  if (sealed.query !== query)
    throw invalid('the cursor belongs to another listing: prefix and delimiter must stay the same')
  if (sealed.chain !== chain)
    throw invalid('the cursor is outdated: the backends have changed since; list again from the start')
  return sealed.state
}

function invalid(why: string): StorageError {
  return new StorageError('invalid', why)
}
