import { metrics as c } from '../../collector/read/metrics.ts'
import { type Case, type Input, on } from './pipeline-cases.ts'

const sessions = (awaited: string, answered: string, from = on): Input => ({
  [`${c.sessions.name}{stage="authenticated",fleet="f",${from}}`]: awaited,
  [`${c.sessions.name}{stage="connected",fleet="f",${from}}`]: awaited,
  [`${c.sessions.name}{stage="requested",fleet="f",${from}}`]: awaited,
  [`${c.sessionsAnswered.name}{within="2s",fleet="f",${from}}`]: answered,
})

/** Cases of the error budget. */
export const budgetCases: readonly Case[] = [
  {
    name: 'one connection in five is not answered in time, for two hours',
    series: sessions('0+40x120', '0+32x120'),
    step: '2m',
    at: '4h',
    firing: ['MtscopeBudgetBurnsFast', 'MtscopeBudgetBurnsSteady', 'MtscopeBudgetBurnsSlow'],
  },
  {
    name: 'two collectors export the same numbers: each connection counts once, and nothing burns',
    series: { ...sessions('0+10x240', '0+10x240'), ...sessions('0+10x240', '0+10x240', 'instance="b"') },
    at: '2h',
    firing: [],
  },
  {
    name: 'seven in a hundred, for eight hours: the steady pair, not the fast one',
    series: sessions('0+400x240', '0+372x240'),
    step: '2m',
    at: '8h',
    firing: ['MtscopeBudgetBurnsSteady', 'MtscopeBudgetBurnsSlow'],
  },
  {
    name: 'one in a hundred, for four days: the slow pair alone',
    series: sessions('0+400x2880', '0+396x2880'),
    step: '2m',
    at: '4d',
    firing: ['MtscopeBudgetBurnsSlow'],
  },
  {
    name: 'one lost connection of three is not a rate',
    series: sessions('0 1 2 3x237', '0 0 1 2x237'),
    at: '1h',
    firing: [],
  },
  {
    name: 'a bad hour that is over burns no more',
    series: sessions('0+10x600', '0+5x120 600+10x480'),
    at: '4h',
    firing: ['MtscopeBudgetBurnsSlow'],
  },
  {
    name: 'no client asks: no alert',
    series: sessions('100x240', '100x240'),
    at: '2h',
    firing: [],
  },
  {
    name: 'one slow answer of 32 in a quiet night',
    series: sessions('0x147 0+1x32 32x5', '0x147 0+1x31 31x6'),
    step: '2m',
    at: '6h10m',
    firing: [],
  },
  {
    name: 'one slow answer of 35, and no other client for three days',
    series: sessions('0x175 0+1x35 35x5', '0x175 0+1x34 34x6'),
    step: '2m',
    at: '7h10m',
    firing: [],
  },
  {
    name: 'five slow answers of 60 in an hour',
    series: sessions('0x60 0+1x60', '0x60 0+1x55 55x5'),
    at: '1h',
    firing: [],
  },
  {
    name: 'nine slow answers one after the other of a family of six',
    series: sessions('0 1x59 2x59 3x59 4x58 5+1x8 13x40', '0 1x59 2x59 3x59 4x100'),
    at: '2h8m',
    firing: [],
  },
  {
    name: 'a family of six, each phone trying every three minutes, and nothing is answered: fires within seven minutes',
    series: sessions('0 1x59 2x59 3x59 4x58 5+1x40', '0 1x59 2x59 3x59 4x100'),
    at: '2h7m',
    firing: ['MtscopeBudgetBurnsFast', 'MtscopeBudgetBurnsSteady', 'MtscopeBudgetBurnsSlow'],
  },
  {
    name: 'one phone that is awake tries every eight minutes without an answer: the pair of six hours fires after a good hour',
    series: sessions(
      '0 0 0 0+1x60 60x60 60 60 60 60 61 61 61 61 62 62 62 62 63 63 63 63 64 64 64 64 65 65 65 65 66 66 66 66 67 67 67 67 68 68 68 68 69 69 69 69 70 70 70 70 71 71 71 71 72 72 72 72',
      '0 0 0 0+1x60 60x120',
    ),
    step: '2m',
    at: '5h50m',
    firing: ['MtscopeBudgetBurnsSteady', 'MtscopeBudgetBurnsSlow'],
  },
]
