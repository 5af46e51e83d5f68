import { createRandom } from '../../test/kit/random.ts'

/** Milliseconds of a log-normal distribution: most answers are quick, and a few take long. */
export interface Distance {
  mean: number
  deviation: number
}

/** The times of answers, one after the other; always the same ones, so that what is compared has the same luck. */
export function createLatency({ mean, deviation }: Distance): () => number {
  const { next } = createRandom(1)
  const variance = Math.log(1 + (deviation / mean) ** 2)
  return () => {
    const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
    return Math.exp(Math.log(mean) - variance / 2 + Math.sqrt(variance) * normal)
  }
}
