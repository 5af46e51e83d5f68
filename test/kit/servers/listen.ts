import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import type { Server as HttpServer } from 'node:http'

/** Listens on 127.0.0.1, on a free port unless one is given: the URL, which ends in `/`. */
export async function listen(server: Server, port = 0): Promise<string> {
  // Closing a pooled connection as it is used again would look like a fault.
  if ('keepAliveTimeout' in server) server.keepAliveTimeout = 60_000
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** Stops the server and closes its open connections. */
export async function close(server: HttpServer): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

/** Above the last port that `fetch` refuses, 10080. */
const FIRST_ALLOWED = 11_000
/** From here on, the system chooses ports for whoever listens on any, and for the connections of clients. */
const FIRST_CHOSEN = 32_768

/** Listens on a port that the system chooses for nobody else, so that the server can give it up for a while. Returns the URL. */
export async function listenOnOwnPort(server: Server): Promise<string> {
  for (;;) {
    try {
      return await listen(server, randomInt(FIRST_ALLOWED, FIRST_CHOSEN))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
}

/** Free ports for servers that cannot choose one themselves. */
export async function freePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => createServer())
  await Promise.all(probes.map((probe) => listenOnOwnPort(probe)))
  const ports = probes.map((probe) => (probe.address() as AddressInfo).port)
  await Promise.all(probes.map((probe) => once(probe.close(), 'close')))
  return ports
}
