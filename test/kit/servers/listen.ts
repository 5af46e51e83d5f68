import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import type { Server as HttpServer } from 'node:http'

/** Listens on 127.0.0.1, on a free port unless one is given: the URL, which ends in `/`. */
export async function listen(server: Server, port = 0): Promise<string> {
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

/** Ports that were free a moment ago, for servers that cannot choose one themselves. */
export async function freePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => createServer())
  await Promise.all(probes.map((probe) => listen(probe)))
  const ports = probes.map((probe) => (probe.address() as AddressInfo).port)
  await Promise.all(probes.map((probe) => once(probe.close(), 'close')))
  return ports
}
