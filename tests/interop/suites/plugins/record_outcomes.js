// A reporter for mocha: writes `OUTCOME<TAB>ID` as it happens to the file that SUITE_OUTCOMES names,
// and what went wrong to standard output. Titles repeat between files, so an id begins with its file.
const fs = require('fs');
const path = require('path');

function write(outcome, test) {
  const id = `${path.basename(test.file || '')}: ${test.fullTitle()}`;
  fs.appendFileSync(process.env.SUITE_OUTCOMES, `${outcome}\t${id.replace(/\s+/g, ' ')}\n`);
}

function collect(suite) {
  suite.tests.forEach((test) => write('collected', test));
  suite.suites.forEach(collect);
}

module.exports = class RecordOutcomes {
  constructor(runner) {
    runner.on('start', () => collect(runner.suite));
    runner.on('pass', (test) => write('passed', test));
    runner.on('pending', (test) => write('skipped', test));
    runner.on('fail', (test, error) => {
      write('failed', test);
      console.log(`FAILED ${test.fullTitle()}\n${error.stack || error}`);
    });
  }
};
