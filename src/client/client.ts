import type { Backends, Degraded, Explanation, ListdirPage, ListedObject, ListPage } from './answers.ts'
import type { PurgePage, TombstonePage, Undeleted } from './answers.ts'
import { createJobs, type Jobs } from './jobs.ts'
import { createMethods, type Methods } from './methods.ts'
import { ApiError } from './problem.ts'
import {
  type Ask,
  checkPrefix,
  type ClientOptions,
  createAsk,
  createSend,
  mediaBase,
  namePath,
  prefixPath,
  readJson,
} from './request.ts'

export type * from './answers.ts'
export type * from './job-answers.ts'
export type { Jobs } from './jobs.ts'
export type { Methods, OpenOptions, PutOptions } from './methods.ts'
export type { ClientOptions } from './request.ts'
export { ApiError } from './problem.ts'

export interface PageOptions {
  /** 1 to 1000. */
  limit?: number
  cursor?: string
}

export interface ListOptions extends PageOptions {
  /** Fail rather than leave out what a failing backend holds. */
  strict?: boolean
}

export interface PurgeOptions extends PageOptions {
  prefix?: string
  dryRun?: boolean
}

/** What a deployment can do, method by method; a failure is thrown as ApiError with the problem document. */
export interface Client extends Methods, Jobs {
  listdir(path: string, options?: ListOptions): Promise<ListdirPage>
  list(prefix: string, options?: ListOptions & { delimiter?: '/' }): Promise<ListPage>
  /** Every object whose name begins so, page after page; throws when a backend that can list fails. */
  listAll(prefix: string): AsyncGenerator<ListedObject>
  explain(name: string): Promise<Explanation>
  backends(): Promise<Backends>
  health(): Promise<{ status: string }>
  tombstones(options?: PageOptions & { prefix?: string }): Promise<TombstonePage>
  /** Forgets tombstones whose names no fallback holds any more; `limit` is 200 at most. */
  purgeTombstones(options?: PurgeOptions): Promise<PurgePage>
  undelete(name: string): Promise<Undeleted>
}

/** A typed client of one deployment, for anything that has `fetch`. */
export function createClient(options: ClientOptions): Client {
  const send = createSend(options)
  const ask = createAsk(send)
  return {
    ...createMethods(mediaBase(options.url), send, ask),
    ...createJobs(send, ask),
    listdir: (path, query) => ask(`listdir/${namePath(path)}`, { query: { ...query } }),
    list: (prefix, query) => ask(`list/${prefixPath(prefix)}`, { query: { ...query } }),
    listAll: (prefix) => listAll(ask, prefix),
    explain: (name) => ask(`explain/${namePath(name)}`),
    backends: () => ask('backends'),
    health: async () => readJson(await send('-/health')),
    async tombstones(query) {
      checkPrefix(query?.prefix)
      return ask('tombstones', { query: { ...query } })
    },
    async purgeTombstones({ dryRun, ...rest } = {}) {
      checkPrefix(rest.prefix)
      const json = { ...rest, ...(dryRun !== undefined && { dry_run: dryRun }) }
      return ask('tombstones/purge', { method: 'POST', json })
    },
    undelete: (name) => ask(`undelete/${namePath(name)}`, { method: 'POST' }),
  }
}

async function* listAll(ask: Ask, prefix: string): AsyncGenerator<ListedObject> {
  let cursor: string | undefined
  do {
    const page: ListPage = await ask(`list/${prefixPath(prefix)}`, { query: { cursor } })
    yield* page.objects
    const failed = (page.backends ?? []).filter(({ error }) => error !== 'unsupported')
    if (failed.length > 0) throw incomplete(failed)
    cursor = page.cursor ?? undefined
  } while (cursor !== undefined)
}

/** What the Worker itself would answer with `strict`, which also refuses backends that cannot list at all. */
function incomplete(backends: Degraded[]): ApiError {
  const detail = 'the listing lacks what these backends hold'
  return new ApiError({ type: 'about:blank', title: 'A backend failed', status: 502, detail, backends })
}
