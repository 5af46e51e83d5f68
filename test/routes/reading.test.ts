import { answering, media, mediaKv, startApp } from '../kit/app.ts'
import { bytesOf } from '../kit/fakes.ts'
import { sampled } from '../kit/sample.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { describeReading, type Site } from '../http/reading-suite.ts'
import type { ReadingObject, ReadingRow } from '../http/tables/row.ts'
import { CONDITIONS } from '../http/tables/conditions.ts'
import { RANGES } from '../http/tables/ranges.ts'
import { WITHOUT_VALIDATORS } from '../http/tables/without-validators.ts'

interface Served {
  call(path: string, init?: RequestInit): Promise<Response>
  put(name: string, text: string, validators: Omit<ReadingObject, 'size'>): Promise<void>
}

let sites = 0

/** One deployment for all rows, each with its own folder. */
function site({ call, put }: Served): () => Promise<Site> {
  return async () => {
    const folder = `site-${sites++}`
    return {
      fetch: (path, init) => call(`/${folder}${path}`, init),
      put: (name, text, validators) => put(`${folder}/${name}`, text, validators),
    }
  }
}

const TABLES = {
  r2: { type: 'r2', binding: 'MEDIA' },
  kv: { type: 'kv', binding: 'MEDIA_KV' },
  http: { type: 'http', binding: 'LEGACY' },
  bare: { type: 'http', binding: 'BARE', name: 'bare' },
}
type Kind = keyof typeof TABLES

const BINDINGS = { r2: media, kv: mediaKv }

/** The Worker over a chain of those kinds; objects are put into the last. */
function chainOf(kinds: readonly Kind[], migration = false): Served {
  const objects: Objects = new Map()
  const { call } = startApp({
    LEGACY: answering((request) => answerParts(objects, request)),
    BARE: answering((request) => answerWhole(objects, request)),
    FALLBACK_STORAGES: kinds.map((kind) => TABLES[kind]),
    FALLBACK_DATA_MIGRATION: migration,
  })
  const last = kinds.at(-1)
  const put = last === 'r2' || last === 'kv' ? into(BINDINGS[last]) : intoMap(objects)
  return { call, put }
}

/** Like `chainOf`, with every object migrated before it is checked. */
function migrated(kinds: readonly [Exclude<Kind, 'http' | 'bare'>, ...Kind[]]): Served {
  const served = chainOf(kinds, true)
  const primary = BINDINGS[kinds[0]]
  return {
    call: served.call,
    async put(name, text, validators) {
      await served.put(name, text, validators)
      await (await served.call(`/${name}`)).text()
      while (!(await primary.head(name))) await scheduler.wait(5)
    },
  }
}

function into(backend: Backend): Served['put'] {
  return async (name, text, { etag, modified }) => {
    const info = { ...(etag !== undefined && { etag }), ...(modified && { modified }) }
    await backend.put?.(name, bytesOf(text), { info })
  }
}

type Objects = Map<string, { body: Uint8Array; headers: Record<string, string> }>

function intoMap(objects: Objects): Served['put'] {
  return async (name, text, { etag, modified }) => {
    const headers = {
      ...(etag !== undefined && { ETag: etag }),
      ...(modified && { 'Last-Modified': modified.toUTCString() }),
    }
    objects.set(name, { body: bytesOf(text), headers })
  }
}

/** An origin that supports neither Range nor conditions. */
function answerWhole(objects: Objects, request: Request): Response {
  const found = objects.get(nameOf(request))
  if (!found) return new Response('not here', { status: 404 })
  const headers = { ...found.headers, 'Content-Length': `${found.body.length}` }
  return new Response(request.method === 'HEAD' ? null : found.body, { headers })
}

/** An origin that answers ranges with parts. */
function answerParts(objects: Objects, request: Request): Response {
  const found = objects.get(nameOf(request))
  const wanted = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get('Range') ?? '')
  if (!found || !wanted || request.method === 'HEAD') return answerWhole(objects, request)
  const { body, headers } = found
  const [first = '', last = ''] = wanted.slice(1)
  const start = first === '' ? Math.max(0, body.length - Number(last)) : Number(first)
  const end = first === '' || last === '' ? body.length - 1 : Math.min(body.length - 1, Number(last))
  if (start > end)
    return new Response(null, { status: 416, headers: { 'Content-Range': `bytes */${body.length}` } })
  const part = body.subarray(start, end + 1)
  const own = { 'Content-Range': `bytes ${start}-${end}/${body.length}`, 'Content-Length': `${part.length}` }
  return new Response(part, { status: 206, headers: { ...headers, ...own } })
}

function nameOf(request: Request): string {
  return decodeURIComponent(new URL(request.url).pathname.slice(1))
}

const ALL = [...RANGES, ...CONDITIONS]
/** Tags with spaces are invalid (RFC 9110 §8.8.3), so an origin's are not passed on. */
const ORIGINS = ALL.filter(({ object }) => !/\s/.test(object.etag ?? ''))
/** A tag is derived from a date alone, so that it can be the same after a copy. */
const BARE = [...ORIGINS, ...WITHOUT_VALIDATORS.filter(({ object }) => object.etag ?? !object.modified)]

describeReading('r2', site(chainOf(['r2'])), sampled(ALL, 2))
describeReading('kv', site(chainOf(['kv'])), few(ALL))
describeReading('an origin', site(chainOf(['http'])), few(BARE))
describeReading('an origin that ignores Range', site(chainOf(['bare'])), few(BARE))
describeReading('kv behind r2', site(chainOf(['r2', 'kv'])), few(ALL))
describeReading('kv behind r2, migrating', site(chainOf(['r2', 'kv'], true)), few(ALL))
describeReading('r2 behind kv', site(chainOf(['kv', 'r2'])), few(ALL))
describeReading('r2 behind kv, migrating', site(chainOf(['kv', 'r2'], true)), few(ALL))
describeReading('an origin behind r2', site(chainOf(['r2', 'http'])), few(ORIGINS))
describeReading('an origin behind r2, migrating', site(chainOf(['r2', 'http'], true)), sampled(ORIGINS, 2))
describeReading('an origin behind r2, migrated', site(migrated(['r2', 'http'])), few(ORIGINS))
describeReading(
  'one that ignores Range behind kv, migrating',
  site(chainOf(['kv', 'bare'], true)),
  few(ORIGINS),
)
describeReading('one that ignores Range behind kv, migrated', site(migrated(['kv', 'bare'])), few(ORIGINS))

function few(rows: readonly ReadingRow[]): readonly ReadingRow[] {
  return sampled(rows, 9)
}
