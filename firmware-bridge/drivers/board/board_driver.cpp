#include "firmware-bridge/drivers/board/board_driver.hpp"

#include <utility>

#include "firmware-bridge/drivers/board/board_driver_impl.hpp"

namespace labhub::firmware_bridge {

std::unique_ptr<BoardDriver> BoardDriver::make(asio::any_io_executor executor, BoardOptions options) {
    return std::make_unique<BoardDriver>(std::move(executor), std::move(options));
}

BoardDriver::BoardDriver(asio::any_io_executor executor, BoardOptions options)
    : impl_(std::make_unique<Impl>(std::move(executor), std::move(options))) {}
BoardDriver::~BoardDriver() = default;

Task<Result<void>> BoardDriver::open() { return impl_->open(); }
Task<void> BoardDriver::close() { return impl_->close(); }
bool BoardDriver::is_connected() const { return impl_->is_connected(); }
unsigned BoardDriver::session() const { return impl_->session(); }
Result<Identity> BoardDriver::identify() const { return impl_->identify(); }
const std::vector<MetricInfo>& BoardDriver::metrics() const { return impl_->metrics(); }
Task<Result<std::vector<Reading>>> BoardDriver::read() { return impl_->read(); }
Task<Result<std::vector<Reading>>> BoardDriver::write(std::vector<Setpoint> setpoints) {
    return impl_->write(std::move(setpoints));
}
Task<Result<std::vector<Reading>>> BoardDriver::safe() { return impl_->safe(); }
BoardCounters BoardDriver::counters() const { return impl_->counters(); }

}  // namespace labhub::firmware_bridge
