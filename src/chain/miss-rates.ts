import { setLatest } from '../storage/set-latest.ts'

/** How often backends lack the names that are read, by directory. */
export interface MissRates {
  /** How likely the backend lacks the name, 0 to 1; 0 until enough reads are known. */
  of(backend: string, name: string): number
  learn(backend: string, name: string, missed: boolean): void
}

interface Rate {
  missed: number
  reads: number
}

interface Rates {
  whole: Rate
  /** By directory, of one and of two segments. */
  directories: Map<string, Rate>
}

/** Reads until a rate counts. After that, each read weighs as much as if there had been so many. */
const ENOUGH = 8
const MAX_DIRECTORIES = 1000

/** Exponentially weighted, so that a directory that is migrated is known to be after a few reads. */
export function createMissRates(): MissRates {
  const byBackend = new Map<string, Rates>()
  return {
    of(backend, name) {
      const rates = byBackend.get(backend)
      if (!rates || rates.whole.reads < ENOUGH) return 0
      const { directories, whole } = rates
      const inner = directories.get(directoryOf(name, 2))
      if (inner && inner.reads >= ENOUGH) return inner.missed
      const outer = directories.get(directoryOf(name, 1))
      return outer && outer.reads >= ENOUGH ? outer.missed : whole.missed
    },
    learn(backend, name, missed) {
      let rates = byBackend.get(backend)
      if (!rates) {
        rates = { whole: { missed: 0, reads: 0 }, directories: new Map() }
        byBackend.set(backend, rates)
      }
      count(rates.whole, missed)
      const outer = directoryOf(name, 1)
      if (outer === '') return
      count(rateOf(rates.directories, outer), missed)
      const inner = directoryOf(name, 2)
      if (inner !== outer) count(rateOf(rates.directories, inner), missed)
    },
  }
}

function count(rate: Rate, missed: boolean): void {
  if (rate.reads < ENOUGH) rate.reads += 1
  rate.missed += ((missed ? 1 : 0) - rate.missed) / rate.reads
}

function rateOf(directories: Map<string, Rate>, directory: string): Rate {
  const known = directories.get(directory)
  if (known && directories.size < MAX_DIRECTORIES) return known
  const rate = known ?? { missed: 0, reads: 0 }
  // Once there are so many, the one that was read longest ago is dropped.
  setLatest(directories, directory, rate, MAX_DIRECTORIES)
  return rate
}

/** The name's first directories, at most so many, with the slash at the end. */
function directoryOf(name: string, segments: 1 | 2): string {
  const first = name.indexOf('/') + 1
  if (segments === 1 || first === 0) return name.slice(0, first)
  return name.slice(0, name.indexOf('/', first) + 1 || first)
}
