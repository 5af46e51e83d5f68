import { contentRange, parseRange, resolveRange } from '../../src/http/range.ts'
import { httpBackend, type HttpOptions } from '../../src/backends/http/http.ts'
import { describeBackend, type Create, type Traits } from './conformance.ts'

const BASE = 'https://origin.example/media/'
const TYPE = { 'Content-Type': 'image/jpeg', 'Last-Modified': 'Wed, 01 May 2024 12:00:00 GMT' }

type Files = Map<string, Uint8Array<ArrayBuffer>>

/** A backend on a plain file server that `seed` fills. */
function onFileServer(
  answer: (bytes: Uint8Array<ArrayBuffer>, range: string | null) => Response,
  options: HttpOptions = {},
): { create: Create; seed: NonNullable<Traits['seed']> } {
  const files: Files = new Map()
  const fetcher = {
    fetch: async (url: string, init?: RequestInit): Promise<Response> => {
      const { method, headers } = new Request(url, init)
      const name = url.slice(BASE.length).split('/').map(decodeURIComponent).join('/')
      const bytes = files.get(name)
      if (!bytes) return options.listing ? list(files, name) : new Response(null, { status: 404 })
      const response = answer(bytes, method === 'GET' ? headers.get('Range') : null)
      return method === 'HEAD' ? new Response(null, response) : response
    },
  }
  return {
    async create() {
      files.clear()
      return httpBackend('http', { url: BASE, fetcher, ...options })
    },
    seed: async (name, bytes) => void files.set(name, bytes),
  }
}

function whole(bytes: Uint8Array<ArrayBuffer>): Response {
  return new Response(bytes, { headers: { ...TYPE, 'Content-Length': `${bytes.length}` } })
}

function withRanges(bytes: Uint8Array<ArrayBuffer>, header: string | null): Response {
  const requested = parseRange(header)
  if (!requested) return whole(bytes)
  const range = resolveRange(requested, bytes.length)
  if (range === 'unsatisfiable') return new Response('no such range', { status: 416 })
  const part = bytes.slice(range.start, range.end + 1)
  const headers = { 'Content-Range': contentRange(range, bytes.length), 'Content-Length': `${part.length}` }
  return new Response(part, { status: 206, headers: { ...TYPE, ...headers } })
}

function list(files: Files, directory: string): Response {
  const rest = [...files.keys()].filter((name) => name.startsWith(directory))
  if (rest.length === 0 && directory !== '') return new Response(null, { status: 404 })
  const entries = rest.map((name) => name.slice(directory.length).split('/'))
  const directories = new Set(entries.filter((entry) => entry.length > 1).map(([name]) => name))
  return Response.json([
    ...[...directories].map((name) => ({ name, type: 'directory' })),
    ...entries.flatMap(([name, ...below]) =>
      below.length > 0 ? [] : [{ name, type: 'file', size: files.get(directory + name)?.length }],
    ),
  ])
}

const READ_ONLY = { writable: false, listable: false, conditional: false, multipart: false }

const plain = onFileServer(withRanges)
describeBackend('http', plain.create, { ...READ_ONLY, seed: plain.seed })

const simple = onFileServer(whole)
describeBackend('http, from an origin that ignores Range', simple.create, { ...READ_ONLY, seed: simple.seed })

const listing = onFileServer(withRanges, { listing: 'autoindex-json' })
describeBackend('http, from an origin that lists', listing.create, {
  ...READ_ONLY,
  listable: true,
  seed: listing.seed,
  // No file system has empty segments, and what ends in a slash is a directory.
  skipsName: (name) => name.split('/').includes('') || name.includes('\ufffd'),
})
