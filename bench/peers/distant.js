import { createLatency } from './latency.js'
import worker from './worker.js'

const R2 = { mean: 40, deviation: 20 }
const KV = { mean: 25, deviation: 12 }

/** The operations of this Worker since they were last asked for. */
let operations = 0
const envs = new WeakMap()
const restarts = []

/** A Worker whose storages are as far away as in production. `/-bench` answers how many operations there were, and starts anew. */
export default {
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname === '/-bench') return report()
    // Workers remember what they have made of an `env`.
    const distant = envs.get(env) ?? wrap(env)
    envs.set(env, distant)
    return worker.fetch(request, distant, ctx)
  },
}

function report() {
  const counted = operations
  operations = 0
  for (const restart of restarts) restart()
  return Response.json({ operations: counted })
}

function wrap(env) {
  const distances = { MEDIA: R2, MEDIA_KV: KV }
  const far = Object.entries(distances).filter(([name]) => name in env)
  return { ...env, ...Object.fromEntries(far.map(([name, distance]) => [name, delay(env[name], distance)])) }
}

function delay(binding, distance) {
  let latency = createLatency(distance)
  restarts.push(() => (latency = createLatency(distance)))
  return new Proxy(binding, {
    get(_, member) {
      const value = binding[member]
      if (typeof value !== 'function') return value
      return async (...args) => {
        operations++
        await new Promise((resolve) => setTimeout(resolve, latency()))
        return value.apply(binding, args)
      }
    },
  })
}
