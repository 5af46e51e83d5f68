/** A Worker's session with workerd's inspector (the Chrome DevTools protocol). */
export interface Inspector {
  send<Result>(method: string, params?: object): Promise<Result>
  close(): void
}

interface Reply {
  id?: number
  result?: unknown
}

export async function connectInspector(inspector: URL, worker: string): Promise<Inspector> {
  const socket = new WebSocket(await socketUrl(inspector, worker))
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let last = 0
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as Reply
    if (id === undefined) return
    waiting.get(id)?.resolve(result)
    waiting.delete(id)
  })
  socket.addEventListener('close', () => {
    for (const reply of waiting.values()) reply.reject(new Error('the inspector closed the connection'))
  })
  return {
    send<Result>(method: string, params: object = {}) {
      const reply = Promise.withResolvers<unknown>()
      waiting.set(++last, reply)
      socket.send(JSON.stringify({ id: last, method, params }))
      return reply.promise as Promise<Result>
    },
    close: () => socket.close(),
  }
}

async function socketUrl(inspector: URL, worker: string): Promise<string> {
  const list = await fetch(new URL('/json/list', inspector.href.replace(/^ws/, 'http')))
  const targets = (await list.json()) as { id: string; webSocketDebuggerUrl: string }[]
  const target = targets.find(({ id }) => id === `core:user:${worker}`)
  if (!target) throw new Error(`no such Worker: ${targets.map(({ id }) => id).join(', ')}`)
  return target.webSocketDebuggerUrl
}
