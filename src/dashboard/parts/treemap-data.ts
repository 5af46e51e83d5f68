import { hierarchy, treemap, treemapSquarify } from 'd3-hierarchy'
import { OTHER_FOLDERS } from '../format.ts'

/** How much of a prefix is covered; pure. */
export interface Part {
  prefix: string
  objects: number
  covered: number
}

export interface Tile extends Part {
  /** In percent of the map. */
  left: number
  top: number
  width: number
  height: number
  /** How many prefixes this tile stands for: more than one only in the last tile. */
  prefixes: number
}

/** Of all objects; what has less is too small to read and to click. */
const MIN_SHARE = 0.01
/** The width of the map for a height of 1. */
const RATIO = 1.5

/** Tiles whose areas are the numbers of objects, the largest first. The smallest prefixes share one tile. */
export function layoutTreemap(parts: readonly Part[]): Tile[] {
  const sorted = parts
    .filter(({ objects }) => objects > 0)
    .toSorted((one, other) => other.objects - one.objects)
  if (sorted.length === 0) return []
  const least = sorted.reduce((total, { objects }) => total + objects, 0) * MIN_SHARE
  const isShown = ({ prefix, objects }: Part): boolean => objects >= least || prefix === OTHER_FOLDERS
  const shown = sorted.filter(isShown)
  const rest = sorted.filter((part) => !isShown(part))
  const sum = (key: 'objects' | 'covered'): number => rest.reduce((total, part) => total + part[key], 0)
  const leaves = [
    ...shown.map((part) => ({ ...part, prefixes: 1 })),
    ...(rest.length > 0
      ? [{ prefix: '', objects: sum('objects'), covered: sum('covered'), prefixes: rest.length }]
      : []),
  ]
  const root = hierarchy<{ children?: typeof leaves; objects?: number }>({ children: leaves }).sum(
    ({ objects }) => objects ?? 0,
  )
  const map = treemap<(typeof root)['data']>().tile(treemapSquarify).size([RATIO, 1])(root)
  return map.leaves().map(({ data, x0, x1, y0, y1 }) => ({
    ...(data as (typeof leaves)[number]),
    left: (x0 / RATIO) * 100,
    top: y0 * 100,
    width: ((x1 - x0) / RATIO) * 100,
    height: (y1 - y0) * 100,
  }))
}
