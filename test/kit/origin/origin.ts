import { createServer, type IncomingHttpHeaders } from 'node:http'
import { close, listen, listenOnOwnPort } from '../servers/listen.ts'
import { faults, type FaultName } from './faults.ts'
import { serve, type OriginObject } from './serve.ts'
import type { Fault } from './spoil.ts'

export interface OriginRequest {
  method: string
  /** As it was sent. */
  url: string
  name: string
  headers: IncomingHttpHeaders
  /** Body bytes that the origin wrote to its socket. */
  bytes: number
}

/** A web server on 127.0.0.1 whose responses can be made faulty. */
export interface Origin {
  /** Ends in `/`. */
  readonly url: string
  readonly requests: OriginRequest[]
  readonly objects: Map<string, OriginObject>
  /** Adds an object, by default with an ETag, a time and a type. */
  add(name: string, body: Uint8Array | string, attributes?: Partial<Omit<OriginObject, 'body'>>): OriginObject
  /** Sets the fault of a name, or with `*` of all names without their own; `null` removes it. `refuse` closes the port. */
  set(name: string, fault: FaultName | Fault | null): Promise<void>
  /** Requests for a name, and body bytes sent for it. */
  count(name: string): { requests: number; bytes: number }
  /** Forgets objects, faults and requests. */
  reset(): Promise<void>
  close(): Promise<void>
}

const MODIFIED = new Date('2024-05-01T12:00:00Z')

export async function startOrigin(): Promise<Origin> {
  const objects = new Map<string, OriginObject>()
  const requests: OriginRequest[] = []
  const rules = new Map<string, FaultName | Fault>()
  let url = ''
  const server = createServer((request, response) => {
    const name = (request.url ?? '/').slice(1).split('?', 1).map(decodeURIComponent)[0] ?? ''
    const seen: OriginRequest = {
      method: request.method ?? '',
      url: request.url ?? '',
      name,
      headers: { ...request.headers },
      bytes: 0,
    }
    requests.push(seen)
    const count = (bytes: number): void => void (seen.bytes += bytes)
    const exchange = { request, response, name, object: objects.get(name), url, count }
    const rule = rules.get(name) ?? rules.get('*')
    const fault = typeof rule === 'string' ? faults[rule].fault : rule
    ;(fault ?? serve)(exchange)
  })
  // Many sockets are broken on purpose.
  server.on('clientError', (_, socket) => socket.destroy())
  url = await listenOnOwnPort(server)

  const apply = async (): Promise<void> => {
    const refuses = [...rules.values()].includes('refuse')
    if (refuses) await close(server)
    else if (!server.listening) await listen(server, Number(new URL(url).port))
  }
  return {
    url,
    requests,
    objects,
    add(name, body, attributes = {}) {
      const bytes = Buffer.from(body)
      const defaults = {
        type: 'application/octet-stream',
        modified: MODIFIED,
        etag: `"${name.length}-${bytes.length}"`,
      }
      const object = { body: bytes, ...defaults, ...attributes }
      objects.set(name, object)
      return object
    },
    async set(name, fault) {
      if (fault === null) rules.delete(name)
      else rules.set(name, fault)
      await apply()
    },
    count(name) {
      const own = requests.filter((request) => request.name === name)
      return { requests: own.length, bytes: own.reduce((sum, { bytes }) => sum + bytes, 0) }
    },
    async reset() {
      objects.clear()
      rules.clear()
      requests.length = 0
      await apply()
    },
    close: () => close(server),
  }
}
