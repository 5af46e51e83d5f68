import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { startLegacyOrigin, type LegacyOrigin } from '../../demo/legacy-origin.ts'
import { forward } from '../kit/servers/forward.ts'
import { close, listen, listenOnOwnPort } from '../kit/servers/listen.ts'

/** A legacy origin that can be slow, refuse objects, or be down. */
export interface TestOrigin extends LegacyOrigin {
  /** Names to which it answers 403. */
  denied: Set<string>
  /** Milliseconds before each response. */
  delay: number
  goDown(): Promise<void>
  comeBack(): Promise<void>
}

export async function startTestOrigin(folder: string): Promise<TestOrigin> {
  const files = await startLegacyOrigin(folder)
  const server = createServer((request, response) => {
    const name = decodeURIComponent((request.url ?? '/').slice(1))
    void sleep(origin.delay).then(() => {
      if (origin.denied.has(name)) response.writeHead(403, { 'Content-Type': 'text/plain' }).end('denied\n')
      else forward(request, response, new URL(files.url))
    })
  })
  const url = await listenOnOwnPort(server)
  const origin: TestOrigin = {
    url,
    requests: files.requests,
    denied: new Set(),
    delay: 0,
    goDown: () => close(server),
    comeBack: async () => void (await listen(server, Number(new URL(url).port))),
    close: async () => {
      await close(server)
      await files.close()
    },
  }
  return origin
}
