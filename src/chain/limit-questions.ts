import pLimit from 'p-limit'
import type { Backend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { type Chain, createChain } from './fallback.ts'

/** A Worker may wait for six answers at once; one is left for others. */
const MAX_OPEN = 5
/** Storage requests that one call may come to. A Worker may make 1,000 to Cloudflare's services on the Free plan, and an origin that redirects or takes no HEAD costs more than one. */
const MAX_QUESTIONS = 500

/** The chain for one request: at most five of its `head`s are open at once, whatever asks them. What waits has not begun its timeout. */
export function limitQuestions(chain: Chain): Chain {
  const limit = pLimit(MAX_OPEN)
  const backends = chain.backends.map((backend): Backend => ({
    ...backend,
    head: (name, options) =>
      limit(() => {
        options?.signal?.throwIfAborted()
        return backend.head(name, options)
      }),
  }))
  return createChain(backends, { deletes: chain.deletes })
}

/** Throws `invalid` where asking every backend for every name would be too much for one call. */
export function checkQuestions({ backends }: Pick<Chain, 'backends'>, names: readonly string[]): void {
  const count = names.length * backends.length
  if (count <= MAX_QUESTIONS) return
  const fitting = Math.floor(MAX_QUESTIONS / backends.length)
  throw new StorageError(
    'invalid',
    `names: ${names.length} names over ${backends.length} backends can take ${count} storage requests, and one call may take ${MAX_QUESTIONS}; ask for ${fitting} names at a time`,
  )
}
