import { env } from 'cloudflare:workers'
import { answering, fill, mediaKv, startApp } from '../kit/app.ts'

/** One backend of a chain for a test, to store and read without the Worker. */
export interface Place {
  put(name: string, text: string): Promise<void>
  read(name: string): Promise<string | null>
}

export interface DjangoChain {
  first: Place
  second: Place
  request(path: string, init?: RequestInit): Promise<Response>
  /** The result of an API method. */
  json(path: string, init?: RequestInit): Promise<Record<string, unknown>>
}

export type Kinds = readonly ['r2' | 'kv', 'r2' | 'kv' | 'http']

/** The whole Worker over two backends of those types, configured as by a user. */
export function djangoChain(
  kinds: Kinds,
  options: { migration: boolean; deletes?: 'first' | 'tombstone' },
): DjangoChain {
  const objects = new Map<string, string>()
  const tables = {
    r2: { type: 'r2', binding: 'MEDIA' },
    kv: { type: 'kv', binding: 'MEDIA_KV' },
    http: { type: 'http', binding: 'LEGACY', listing: 'autoindex-json' },
  }
  const places: Record<keyof typeof tables, Place> = { r2: r2Place(), kv: kvPlace(), http: mapPlace(objects) }
  const [first, second] = kinds
  const { call: request } = startApp({
    LEGACY: legacyOrigin(objects),
    FALLBACK_STORAGES: [
      { ...tables[first], name: 'first', public_url: 'https://first.example/' },
      { ...tables[second], name: 'second', public_url: 'https://second.example/' },
    ],
    FALLBACK_DATA_MIGRATION: options.migration,
    FALLBACK_DELETES: options.deletes ?? 'first',
  })
  return {
    first: places[first],
    second: places[second],
    request,
    json: async (path, init) => (await request(`/-/api/${path}`, init)).json(),
  }
}

function r2Place(): Place {
  return {
    put: async (name, text) => void (await env.MEDIA.put(name, text)),
    async read(name) {
      const found = await env.MEDIA.get(name)
      return found ? found.text() : null
    },
  }
}

function kvPlace(): Place {
  return {
    put: async (name, text) => fill(mediaKv, { [name]: text }),
    read: (name) => env.MEDIA_KV.get(name),
  }
}

function mapPlace(objects: Map<string, string>): Place {
  return {
    put: async (name, text) => void objects.set(name, text),
    read: async (name) => objects.get(name) ?? null,
  }
}

/** A web server with `autoindex_format json`, as nginx has it. */
function legacyOrigin(objects: Map<string, string>) {
  return answering((request) => {
    const name = decodeURIComponent(new URL(request.url).pathname.slice(1))
    if (name === '' || name.endsWith('/')) return Response.json(autoindex([...objects.keys()], name))
    const text = objects.get(name)
    if (text === undefined) return new Response('not here', { status: 404 })
    const headers = {
      'Content-Length': `${text.length}`,
      'Content-Type': 'text/plain',
      ETag: `"${text.length}"`,
    }
    return new Response(request.method === 'HEAD' ? null : text, { headers })
  })
}

function autoindex(names: string[], directory: string): object[] {
  const below = names.filter((name) => name.startsWith(directory)).map((name) => name.slice(directory.length))
  const entries = new Map(
    below.map((name) => [name.split('/')[0], name.includes('/') ? 'directory' : 'file'] as const),
  )
  return Array.from(entries, ([name, type]) => ({
    name,
    type,
    mtime: 'Wed, 01 May 2024 12:00:00 GMT',
    ...(type === 'file' && { size: 1 }),
  }))
}
