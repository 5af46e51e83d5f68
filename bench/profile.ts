import { requestFor } from './bench.ts'
import { openClient } from './client.ts'
import { startContest } from './workers.ts'
import { OWN } from './own.ts'
import { connectInspector } from '../test/kit/worker/inspector.ts'

interface ProfileNode {
  id: number
  callFrame: { functionName: string; url: string; lineNumber: number }
  children?: number[]
}

interface Profile {
  nodes: ProfileNode[]
  samples: number[]
  timeDeltas: number[]
}

const INSPECTOR_PORT = 9339
const TOP = 40
const CONNECTIONS = 8

/** `node bench/profile.ts [worker] [path] [header: value]`: where the Worker's own time goes, from workerd's inspector. */
const [worker = 'own', path = '/hit/4k.jpg', header] = process.argv.slice(2)
const contest = await startContest(OWN, { inspectorPort: INSPECTOR_PORT })
try {
  await contest.store('hit/4k.jpg', 4096)
  const [name, value] = header?.split(': ') ?? []
  const target = { url: contest.url(worker) + path, headers: name && value ? { [name]: value } : {} }
  const answer = await fetch(target.url, { headers: target.headers })
  await answer.arrayBuffer()
  console.log(answer.status, target.url)
  const client = openClient(CONNECTIONS)
  await requestFor(2000, client, target)
  const inspector = await connectInspector(new URL(`http://127.0.0.1:${INSPECTOR_PORT}`), worker)
  await inspector.send('Profiler.enable')
  await inspector.send('Profiler.setSamplingInterval', { interval: 200 })
  await inspector.send('Profiler.start')
  const requests = await requestFor(5000, client, target)
  const { profile } = await inspector.send<{ profile: Profile }>('Profiler.stop')
  inspector.close()
  client.close()
  print(profile, requests)
} finally {
  await contest.stop()
}

function print({ nodes, samples, timeDeltas }: Profile, requests: number): void {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const self = new Map<string, number>()
  let total = 0
  samples.forEach((id, index) => {
    const frame = byId.get(id)?.callFrame
    const delta = timeDeltas[index] ?? 0
    const where = `${frame?.functionName || '(anonymous)'} ${frame?.url.split('/').at(-1) ?? ''}:${frame?.lineNumber}`
    if (!where.startsWith('(idle)') && !where.startsWith('(program)')) total += delta
    self.set(where, (self.get(where) ?? 0) + delta)
  })
  console.log(`${requests} requests, ${(total / requests).toFixed(1)} µs of JavaScript each`)
  const sorted = [...self].toSorted(([, a], [, b]) => b - a)
  for (const [where, microseconds] of sorted.slice(0, TOP)) {
    console.log(`${(microseconds / requests).toFixed(2).padStart(9)} µs  ${where}`)
  }
}
